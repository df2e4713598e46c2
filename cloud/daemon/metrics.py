"""What the daemon counts, for Prometheus, and the loopback port on which it is asked for."""

import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

import shared
from cloud.figures import Figures
from cloud.mqtt import reasons
from cloud.mqtt.protocol import Outcomes

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
"""Nobody but this machine is let in: the figures have no password."""

LOOK_SECONDS = 5.0
"""How old figures out of the database may be, where they are quickly had."""

MOST_OF_THE_TIME = 0.01
"""What part of its time the daemon spends on them at most: it publishes nothing meanwhile, and a million lamps are
counted in a quarter of a second."""

REASONS = ("payload", "topic", "unasked", "other bridge")
"""Why messages are ignored."""

TRY_AGAIN_SECONDS = 10.0
"""A standby on the same machine gets the port when the daemon that has it ends."""


class Metrics:
    """The daemon's figures, in a registry of its own; none has a lamp's id or name in it."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Gauge("lampi_build_info", "The release that runs.", ["version"], registry=registry).labels(
            shared.__version__
        ).set(1)
        self.connected = Gauge("lampi_broker_connected", "1 while the broker has accepted us.", registry=registry)
        self.leader = Gauge(
            "lampi_leader", "1 in the daemon that publishes, 0 in one that stands by.", registry=registry
        )
        self.published = Counter("lampi_messages_published", "Messages handed to the broker.", registry=registry)
        self.confirmed = Counter("lampi_messages_confirmed", "Messages that the broker accepted.", registry=registry)
        self.refused = Counter(
            "lampi_messages_refused", "Messages that the broker refused.", ["reason"], registry=registry
        )
        self.ignored = Counter(
            "lampi_messages_ignored", "Messages that changed nothing.", ["reason"], registry=registry
        )
        self.dropped = Gauge(
            "lampi_broker_dropped_messages", "Messages that the broker dropped since its start.", registry=registry
        )
        self.created = Counter("lampi_lamps_created", "New lamps that this daemon registered.", registry=registry)
        self.rotated = Counter("lampi_codes_replaced", "Codes that this daemon replaced.", registry=registry)
        self.batch_seconds = Histogram(
            "lampi_registration_seconds", "How long it took to register a batch of presence.", registry=registry
        )
        for reason in REASONS:
            self.ignored.labels(reason)
        self.database = Gauge("lampi_database_working", "1 while the database does what is asked.", registry=registry)
        self._lamps = Gauge("lampi_lamps", "Lamps in the database.", ["state"], registry=registry)
        self._connected_lamps = Gauge("lampi_lamps_connected", "Lamps whose bridge is up.", registry=registry)
        self._pending = Gauge("lampi_outbox_pending", "Messages that the broker has not confirmed.", registry=registry)
        self._oldest = Gauge("lampi_outbox_oldest_seconds", "Since when the broker has been behind.", registry=registry)
        self._standbys = Gauge("lampi_standbys", "Daemons that stand by.", registry=registry)

    def ignore(self, reason: str) -> None:
        """Count a message that changes nothing, by one of a few reasons; may be called on any thread."""
        self.ignored.labels(reason).inc()

    def conclude(self, outcomes: Outcomes) -> None:
        """Count what the broker accepted, and what it refused by its reasons."""
        self.confirmed.inc(len(outcomes.accepted))
        for _number, reason in outcomes.refused:
            self.refused.labels(reasons.name_of(reason)).inc()

    def take(self, figures: Figures) -> None:
        """Take over what the database says."""
        self.database.set(1)
        self._lamps.labels("waiting").set(figures.waiting)
        self._lamps.labels("associated").set(figures.lamps - figures.waiting)
        self._connected_lamps.set(figures.connected)
        self._pending.set(figures.pending)
        self._oldest.set(figures.oldest_seconds)
        self._standbys.set(figures.standbys)


class MetricsPort:
    """Serves the figures on a port, if there is one; what goes wrong with it does not concern the daemon."""

    def __init__(self, metrics: Metrics, port: int | None) -> None:
        self._metrics = metrics
        self._port = port
        self._serving = False
        self._fault_said = False
        self._try_at = self._look_at = 0.0

    def keep_open(self, monotonic: float) -> None:
        """Open the port, again after a while where it can't be had."""
        if self._port is not None and not self._serving and monotonic >= self._try_at:
            self._try_at = monotonic + TRY_AGAIN_SECONDS
            self._open(self._port)

    def look(self, monotonic: float, read: Callable[[], Figures]) -> None:
        """Read the database's figures when those that are known are old."""
        if self._serving and monotonic >= self._look_at:
            began = time.perf_counter()
            self._metrics.take(read())
            took = time.perf_counter() - began
            self._look_at = monotonic + max(LOOK_SECONDS, took / MOST_OF_THE_TIME)

    def _open(self, port: int) -> None:
        try:
            start_http_server(port, ADDRESS, self._metrics.registry)
        except OSError as fault:
            if not self._fault_said:
                log.error(
                    "No metrics: port %d of %s can't be had (%s); trying again every %d s. Free it, or set another "
                    "LAMPI_METRICS_PORT",
                    port,
                    ADDRESS,
                    fault.strerror,
                    TRY_AGAIN_SECONDS,
                )
            self._fault_said = True
        else:
            self._serving = True
            log.info("Metrics are on http://%s:%d/metrics", ADDRESS, port)
