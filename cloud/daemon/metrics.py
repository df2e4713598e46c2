"""Prometheus metrics and the loopback port that serves them."""

import logging
import math
import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

import shared
from cloud.mqtt import reasons
from cloud.mqtt.outcomes import Outcomes
from cloud.services.statistics import Statistics

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
"""Loopback only: the metrics are not protected by a password."""

LOOK_SECONDS = 5.0
"""How often statistics are read from the database, unless reading them is slow."""

MOST_OF_THE_TIME = 0.01
"""Maximum share of the daemon's time spent on reading statistics: it publishes nothing meanwhile, and counting a
million lamps takes a quarter of a second."""

REASONS = ("payload", "topic", "unasked", "other bridge")
"""Why messages are ignored."""

TRY_AGAIN_SECONDS = 10.0
"""Interval between attempts to open the port; a standby on the same machine gets it when the leader ends."""


class Metrics:
    """The daemon's metrics, in a registry of their own; no label holds a lamp's id or name."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Gauge("lampi_build_info", "The running release.", ["version"], registry=registry).labels(
            shared.__version__
        ).set(1)
        self.connected = Gauge("lampi_broker_connected", "1 while connected to the broker.", registry=registry)
        self.leader = Gauge("lampi_leader", "1 on the leader, 0 on a standby.", registry=registry)
        self.published = Counter("lampi_messages_published", "Messages sent to the broker.", registry=registry)
        self.confirmed = Counter("lampi_messages_confirmed", "Messages that the broker accepted.", registry=registry)
        self.refused = Counter(
            "lampi_messages_refused", "Messages that the broker refused.", ["reason"], registry=registry
        )
        self.ignored = Counter("lampi_messages_ignored", "Messages that were ignored.", ["reason"], registry=registry)
        self.flooding = Gauge(
            "lampi_flooding_lamps", "Lamps that flood the broker with presence messages.", registry=registry
        )
        self.flood_messages = Counter(
            "lampi_flood_messages", "Messages of floods, of which only the latest are processed.", registry=registry
        )
        self.dropped = Gauge(
            "lampi_broker_dropped_messages",
            "Messages that the broker dropped since it started; NaN until it reports them.",
            registry=registry,
        )
        self.dropped.set(math.nan)  # after a restart of the daemon, a 0 would look as if the broker dropped them now
        self.created = Counter("lampi_lamps_created", "New lamps registered by this daemon.", registry=registry)
        self.rotated = Counter("lampi_codes_replaced", "Codes rotated by this daemon.", registry=registry)
        self.batch_seconds = Histogram(
            "lampi_registration_seconds", "Duration of writing a batch of presence changes.", registry=registry
        )
        for reason in REASONS:
            self.ignored.labels(reason)
        self.database = Gauge("lampi_database_working", "1 while the database is available.", registry=registry)
        self._lamps = Gauge("lampi_lamps", "Lamps in the database.", ["state"], registry=registry)
        self._connected_lamps = Gauge("lampi_lamps_connected", "Lamps whose bridge is connected.", registry=registry)
        self._pending = Gauge("lampi_outbox_pending", "Messages not yet confirmed by the broker.", registry=registry)
        self._oldest = Gauge("lampi_outbox_oldest_seconds", "Age of the oldest pending message.", registry=registry)
        self._standbys = Gauge("lampi_standbys", "Daemons on standby.", registry=registry)
        self._faults = Gauge("lampi_faults", "Faults that `lampi-cloud status` describes.", registry=registry)
        self._wrong_codes = Gauge("lampi_wrong_codes", "Wrong codes in the guess window.", registry=registry)
        self._guess_budget = Gauge(
            "lampi_guess_budget_used_ratio", "Share of the guess budget used by wrong codes, 0 to 1.", registry=registry
        )
        self._rounds = Counter("lampi_rounds", "Rounds of the main loop that completed.", registry=registry)
        self._background = Gauge(
            "lampi_background_failures", "Consecutive failures of a background thread.", ["thread"], registry=registry
        )

    def ignore(self, reason: str) -> None:
        """Count an ignored message by its reason; thread-safe."""
        self.ignored.labels(reason).inc()

    def conclude(self, outcomes: Outcomes) -> None:
        """Count accepted messages, and refused ones by reason."""
        self.confirmed.inc(len(outcomes.accepted))
        for _number, reason in outcomes.refused:
            self.refused.labels(reasons.name_of(reason)).inc()

    def end_round(self, background_failures: Mapping[str, int]) -> None:
        """Count a completed round, and record the consecutive failures of each background thread by its name."""
        self._rounds.inc()
        for thread, failures in background_failures.items():
            self._background.labels(thread).set(failures)

    def take(self, statistics: Statistics) -> None:
        """Set the gauges from the database's statistics."""
        self.database.set(1)
        self._lamps.labels("waiting").set(statistics.waiting)
        self._lamps.labels("associated").set(statistics.lamps - statistics.waiting)
        self._connected_lamps.set(statistics.connected)
        self._pending.set(statistics.pending)
        self._oldest.set(statistics.oldest_seconds)
        self._standbys.set(statistics.standbys)
        self._faults.set(len(statistics.faults))
        self._wrong_codes.set(statistics.wrong_codes)
        self._guess_budget.set(statistics.guess_budget_used)


class MetricsPort:
    """Serves the metrics if a port is set; errors are logged and don't affect the daemon."""

    def __init__(self, metrics: Metrics, port: int | None) -> None:
        self._metrics = metrics
        self._port = port
        self._serving = False
        self._fault_said = False
        self._try_at = self._look_at = 0.0

    def keep_open(self, monotonic: float) -> None:
        """Open the port; retry later if it is in use."""
        if self._port is not None and not self._serving and monotonic >= self._try_at:
            self._try_at = monotonic + TRY_AGAIN_SECONDS
            self._open(self._port)

    def look(self, monotonic: float, read: Callable[[], Statistics]) -> None:
        """Read the database's statistics when they are due."""
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
                    "Metrics unavailable: can't open port %d of %s (%s); retrying every %d s. Free the port or set "
                    "another LAMPI_METRICS_PORT",
                    port,
                    ADDRESS,
                    fault.strerror,
                    TRY_AGAIN_SECONDS,
                )
            self._fault_said = True
        else:
            self._serving = True
            log.info("Serving metrics on http://%s:%d/metrics", ADDRESS, port)
