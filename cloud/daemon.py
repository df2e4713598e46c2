"""The daemon: notices new lamps, and makes the broker agree with the database."""

import logging
import queue
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import FrameType

import peewee

from cloud.config import CloudSettings
from cloud.database import database_proxy, one_line, open_database
from cloud.errors import DatabaseAway
from cloud.instants import utc_now
from cloud.lease import RENEW_SECONDS, PublisherLease, shown_holder
from cloud.outbox import ROWS_A_STATEMENT
from cloud.presence import OtherBridges, PresenceBatch
from cloud.publisher import Publisher
from cloud.schema import require_current, upgrade
from shared import payloads, topics
from shared.mqtt import BrokerLink, Message, Publication, Subscription

log = logging.getLogger(__name__)

POLL_SECONDS = 0.04
"""How long a change that another process made can stay unnoticed."""

BUSY_SECONDS = 1.0
"""How long a write waits for another process's: short, since what arrives meanwhile is kept and tried again."""

LARGEST_BATCH = 10 * ROWS_A_STATEMENT
FLUSH_SECONDS = 1.5
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Presence:
    """A lamp's bridge came up or went down."""

    device_id: str
    up: bool


@dataclass(frozen=True)
class Connection:
    """Our own connection to the broker came up or was lost."""

    up: bool


@dataclass(frozen=True)
class Confirmation:
    """The broker confirmed what was published under this number."""

    number: int


Event = Presence | Connection | Confirmation


class Daemon:
    """Runs on one thread; paho's thread only puts events into its inbox."""

    def __init__(self, settings: CloudSettings, *, migrate: bool, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._migrate = migrate
        self._database_ready = False
        self._now = now
        # Not a SimpleQueue: when a signal arrives as its timeout ends, CPython 3.11's waits for ever, deaf to TERM.
        self._inbox: queue.Queue[Event] = queue.Queue()
        self._presence = PresenceBatch()
        self._lease = PublisherLease()
        self._leader: str | None = None
        self._renew_at = 0.0
        self._link: BrokerLink | None = None
        self._publisher = Publisher(self._publish)
        self._connected = False
        self._stopping = False
        self._other_bridges = OtherBridges()

    def run(self) -> None:
        """Work until a TERM or INT signal, then finish what is begun and leave within seconds.

        Raises:
            UnusableDatabase: only a person can mend it; one that is merely away is waited for.
        """
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, self._request_stop)
        log.info("Daemon started; broker %s, database %s", self._settings.broker, self._settings.shown_database_url)
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping:
            try:
                self._step()
            except (peewee.PeeweeException, DatabaseAway) as fault:
                if pause == FIRST_PAUSE_SECONDS:
                    log.error("The database fails (%s); trying again until it works", one_line(fault))
                self._wait_out(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if pause > FIRST_PAUSE_SECONDS:
                    log.info("The database works again")
                pause = FIRST_PAUSE_SECONDS
        self._leave()

    def _request_stop(self, _signal_number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _step(self) -> None:
        """Do one round: keep the lease, take what arrived, register it, publish."""
        if not self._database_ready:
            self._open_database()
        self._keep_lease()
        self._take(POLL_SECONDS)
        self._register()
        if self._connected:
            self._publisher.pump()

    def _open_database(self) -> None:
        database = open_database(self._settings.database_url, create=self._migrate, busy_seconds=BUSY_SECONDS)
        if self._migrate:
            for name in upgrade(database):
                log.info("Upgraded the database: %s", name)
        require_current(database)
        self._database_ready = True

    def _publish(self, publication: Publication) -> int | None:
        return self._link.publish(publication) if self._link is not None else None

    def _keep_lease(self) -> None:
        if time.monotonic() < self._renew_at and (self._link is None or self._lease.held(self._now())):
            return
        leader = self._lease.acquire(self._now())
        self._renew_at = time.monotonic() + RENEW_SECONDS
        if leader == self._lease.holder and self._link is None:
            log.info("This daemon is the publisher")
            self._link = self._make_link()
            self._link.start()
        elif leader != self._lease.holder:
            self._stand_by(leader)
        self._leader = leader

    def _stand_by(self, leader: str) -> None:
        if leader != self._leader:
            log.warning("Another daemon publishes (%s); standing by to take over from it", shown_holder(leader))
        if self._link is not None:
            self._link.stop()
            self._link = None
            self._connected = False

    def _make_link(self) -> BrokerLink:
        return BrokerLink(
            self._settings.broker,
            "lampi-cloud-daemon",
            subscriptions=[Subscription(topics.PRESENCE_FILTER, 1, self._receive_presence)],
            on_connection=lambda up: self._inbox.put(Connection(up)),
            on_confirmed=lambda number: self._inbox.put(Confirmation(number)),
        )

    def _receive_presence(self, message: Message) -> None:
        """Decode on paho's thread, so that its guard reports what is bad, and hand over at once."""
        device_id = topics.parse_presence(message.topic)
        if device_id is None:
            self._other_bridges.add(message.topic)
        else:
            self._inbox.put(Presence(device_id, payloads.decode_up(message.payload)))

    def _take(self, seconds: float) -> None:
        """Wait for an event at most so long, then take all that have arrived, up to a batch."""
        try:
            event = self._inbox.get(timeout=seconds)
            for _ in range(LARGEST_BATCH):
                self._handle(event)
                event = self._inbox.get_nowait()
            self._handle(event)
        except queue.Empty:
            pass

    def _handle(self, event: Event) -> None:
        if isinstance(event, Presence):
            self._presence.add(event.device_id, event.up)
        elif isinstance(event, Confirmation):
            self._publisher.confirm(event.number)
        else:
            self._connected = event.up
            self._publisher.start_over()

    def _register(self) -> None:
        if not self._presence:
            return
        created = self._presence.register(self._now())
        self._presence.clear()
        if len(created) > 10:
            log.info("%d new lamps", len(created))
        else:
            for device_id in created:
                log.info("New lamp %s", device_id)

    def _wait_out(self, seconds: float) -> None:
        """Let a failing database be for a while; what arrives meanwhile is kept, a stop is heeded."""
        if self._database_ready:
            database_proxy.close()
        end = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < end:
            self._take(POLL_SECONDS)

    def _leave(self) -> None:
        """Register what has arrived and wait for the broker's confirmations, but not for long."""
        end = time.monotonic() + FLUSH_SECONDS
        try:
            while self._connected and self._lease.held(self._now()) and time.monotonic() < end:
                self._take(POLL_SECONDS)
                self._register()
                self._publisher.pump()
                if self._publisher.idle and not self._presence:
                    break
        except peewee.PeeweeException as fault:
            log.error("The database fails (%s); what is left is done at the next start", one_line(fault))
        if self._link is not None:
            self._link.stop()
        if self._database_ready:
            self._give_back_lease()
            database_proxy.close()
        if self._other_bridges.messages:
            log.info("Ignored %d messages of bridges that are not lamps'", self._other_bridges.messages)
        log.info("Daemon stopped")

    def _give_back_lease(self) -> None:
        try:
            self._lease.give_back()
        except peewee.PeeweeException as fault:
            log.info("The lease could not be given back (%s); it ends by itself", one_line(fault))
