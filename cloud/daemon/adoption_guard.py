"""Protects the broker's lamps from an empty database.

An empty database on a broker with lamps is rarely a new cloud. Usually its URL is mistyped, a disk is not mounted, or
the file was moved away; publishing from it would take every lamp from its owner. The same goes for the broker of a
LAMPI course site. So nothing is registered and nothing is published until an operator imports or adopts the lamps.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from cloud.daemon.mqtt_link import DaemonLink
from cloud.daemon.presence import PresenceBatch
from cloud.daemon.refusals import Refusals
from cloud.daemon.session import Session
from cloud.errors import BrokerAway, BrokerSilent
from cloud.reconciliation.retained import retained_batches
from cloud.store import broker_faults, outbox
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Message
from shared.mqtt.tls import BadTlsFile
from shared.protocol import topics
from shared.protocol.errors import BadPayload
from shared.protocol.payloads import WITHDRAWN, decode_high_water_mark

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
SILENCE_SECONDS = 3.0
FAILURES_UNTIL_REPORTED = 3


class AdoptionGuard:
    """Decides whether this database may publish to the broker.

    ``on_read`` is called on another thread after each attempt to read the broker's retained messages.
    """

    def __init__(
        self, broker: BrokerUrl, presence: PresenceBatch, refusals: Refusals, on_read: Callable[[], object]
    ) -> None:
        self._broker = broker
        self._presence = presence
        self._refusals = refusals
        self._on_read = on_read
        self._is_free = False
        self._of: Session | None = None
        self._has_lamps: bool | None = None
        self._failures = 0
        self._reader: threading.Thread | None = None

    def start_over(self) -> None:
        """Check again: the database was replaced."""
        self._is_free = False
        self._of = None

    def admits(self, session: Session | None, link: DaemonLink | None, now: datetime, monotonic: float) -> bool:
        """Return False while the broker may have lamps that this database must not touch.

        Presence that arrives meanwhile is kept within bounds, and requested again afterwards.
        """
        blocks = session is not None and self._blocks(session)
        conditions = {
            broker_faults.FOREIGN: blocks and bool(self._has_lamps),
            broker_faults.UNREAD: blocks and self._failures >= FAILURES_UNTIL_REPORTED,
        }
        for condition, holds in conditions.items():
            self._refusals.note_condition(condition, holds=holds)
        if session is None:
            return True
        if blocks:
            self._refusals.record(now, monotonic, settled=False)
            if self._presence.is_full or any(conditions.values()):
                self._presence.clear()
                session.begin_reading()
                session.misses_presence = True
        elif session.misses_presence and link is not None:
            session.misses_presence = False
            session.begin_reading()
            link.ask_again(session.of_link)
        return not blocks

    def _blocks(self, session: Session) -> bool:
        """Return whether nothing may be registered or published now; the broker is read in the background.

        A verdict holds for one connection: a broker that was restarted may have been given its lamps back.
        """
        if not self._is_free and outbox.last_version() > 0:  # has published, or was adopted
            self._is_free, self._has_lamps, self._failures = True, None, 0
        if self._is_free:
            return False
        if self._of is not session:
            self._of, self._has_lamps = session, None
        if self._has_lamps is None and (self._reader is None or not self._reader.is_alive()):
            self._reader = threading.Thread(
                target=self._read, args=(session, outbox.origin()), name="adoption", daemon=True
            )
            self._reader.start()
        return self._has_lamps is not False

    def _read(self, session: Session, origin: str) -> None:
        """Read whether the broker has lamps of a database with another origin."""
        try:
            filters = [topics.HIGH_WATER_MARK, topics.ASSOCIATED_FILTER]
            batches = retained_batches(self._broker, "adoption", filters, silence_seconds=SILENCE_SECONDS)
            has_lamps = _has_foreign(batches, origin)
        except Exception as fault:
            self._failures += 1
            if self._failures == FAILURES_UNTIL_REPORTED:
                log.error("Can't read which lamps the broker has, retrying: %s", fault)
            elif not isinstance(fault, BrokerAway):
                log.debug("Reading the broker's lamps failed", exc_info=True)
            threading.Event().wait(RETRY_SECONDS)  # on this thread only
        else:
            self._failures = 0
            if has_lamps:
                log.critical(
                    "The broker has lamps of another database, and this one is empty: changing nothing. "
                    "Restore the right database; or, if the lamps are those of a LAMPI course site, run "
                    "'lampi-cloud import-course'; or run 'lampi-cloud adopt' to register the lamps as new"
                )
            if self._of is session:
                self._has_lamps = has_lamps
        self._on_read()


def has_mark(broker: BrokerUrl) -> bool:
    """Return whether the broker has the mark of a database; False if it can't be read, since the guard reads again."""
    try:
        batches = retained_batches(broker, "mark", [topics.HIGH_WATER_MARK], SILENCE_SECONDS, SILENCE_SECONDS)
        return any(batch for batch in batches)
    except (BrokerAway, BadTlsFile):
        return False


def _has_foreign(batches: Iterator[list[Message]], origin: str) -> bool:
    try:
        return any(_is_foreign(message, origin) for batch in batches for message in batch)
    except BrokerSilent:  # it refuses the end marker; by now, all retained messages have arrived
        return False


def _is_foreign(message: Message, origin: str) -> bool:
    """Return whether a retained message is from another database, or from a cloud without a mark."""
    if message.topic != topics.HIGH_WATER_MARK:
        return message.payload != WITHDRAWN
    try:
        return decode_high_water_mark(message.payload).origin != origin
    except BadPayload:
        return True
