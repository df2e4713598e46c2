"""Refusals by the broker: logged once, stored in the database for `status`, and retried."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from cloud.mqtt import reasons
from cloud.store import broker_faults

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0

RETRIES_A_SECOND = 200
"""Average limit: after a round in which more messages than usual were refused, the pause is longer."""

RIVAL_GONE_SECONDS = 30.0
"""How long a connection that the broker closed again counts."""

WRITE_SECONDS = 1.0
"""How often changing counts are written."""


class Refusals:
    """Tracks refused messages for one publisher, across connections.

    Refused messages of lamps stay in the outbox and are retried in rounds (`due`, `begin_round`, `end_round`). The
    daemon's ``own`` messages are retried by the publisher. ``conditions`` are faults without a refused message, such as
    `broker_faults.FOREIGN`.
    """

    def __init__(self, leads: Callable[[], bool]) -> None:
        self._leads = leads
        self.own: dict[int, int] = {}
        self.conditions: set[int] = set()
        self._connection: int | None = None
        self._rejected_at = 0.0
        self.subscriptions: Counter[int] = Counter()
        self._logged: set[int] = set()
        self._counts: Counter[int] = Counter()
        self._earlier: Counter[int] = Counter()
        self._written: dict[int, int] | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._try_at: float | None = None
        self._write_at = 0.0

    @property
    def has_refused(self) -> bool:
        """True if lamps' messages are waiting for a retry."""
        return self._try_at is not None

    def start_over(self) -> None:
        """Start over on a new connection, on which everything is published again."""
        self.own.clear()
        self._written = None  # another daemon may have led, and written, since
        self._try_at = None
        self._end_count()
        self._pause = FIRST_PAUSE_SECONDS

    def due(self, monotonic: float) -> bool:
        """Return whether the next retry is due."""
        return self._try_at is not None and monotonic >= self._try_at

    def add(self, reason: int, topic: str, monotonic: float) -> None:
        """Record that a lamp's message was refused."""
        self._count(reason, topic)
        if self._try_at is None:
            self._try_at = monotonic + self._pause

    def add_own(self, number: int, reason: int, topic: str) -> None:
        """Record that one of the daemon's own messages was refused."""
        if self.own.get(number) != reason:
            self.own[number] = reason
            self._count(reason, topic)

    def connection_rejected(self, reason: int, monotonic: float) -> None:
        """Record that the broker refused or ended the connection; the client has logged it."""
        self._connection, self._rejected_at = reason, monotonic

    def connection_accepted(self) -> None:
        """Record that the broker accepted a connection."""
        if self._connection not in reasons.PASSING:  # the broker accepts connections between takeovers, too
            self._connection = None

    def note_condition(self, condition: int, *, holds: bool) -> None:
        """Record whether a condition holds."""
        (self.conditions.add if holds else self.conditions.discard)(condition)

    def subscribed(self, codes: bytes) -> None:
        """Record the broker's answer to the subscriptions."""
        were_refused = bool(self.subscriptions)
        self.subscriptions = Counter(code for code in codes if code >= reasons.LOWEST_FAILURE)
        if self.subscriptions and not were_refused:
            names = ", ".join(reasons.name_of(code) for code in self.subscriptions)
            log.error("The broker refuses a subscription (%s), retrying; check the user's access rules", names)

    def hurry(self) -> None:
        """Retry at once: the cause of the refusals is gone."""
        self._try_at = 0.0

    def begin_round(self) -> None:
        """Begin a round in which all refused messages are retried."""
        self._end_count()

    def end_round(self, monotonic: float, *, longer: bool) -> None:
        """End a round; messages refused again or meanwhile are retried after a pause.

        With ``longer``, when all were refused again, the next pauses are longer.
        """
        if not self._counts:
            self._try_at = None
            self._pause = FIRST_PAUSE_SECONDS
            return
        self._try_at = monotonic + max(self._pause, self._counts.total() / RETRIES_A_SECOND)
        if longer:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def record(self, now: datetime, monotonic: float, *, settled: bool) -> None:
        """Store the refusals if they changed; ``settled`` means that everything was tried on this connection."""
        faults = dict(self._counts | self._earlier)
        if settled and not self.has_refused and not self.own:
            faults = {}
            if self._logged:
                log.info("The broker accepts all messages again")
            self._logged.clear()
            self._end_count()
            self._earlier.clear()
        if self._connection in reasons.PASSING and monotonic >= self._rejected_at + RIVAL_GONE_SECONDS:
            self._connection = None
        if self._connection is not None:
            faults.setdefault(self._connection, 0)
        faults |= dict.fromkeys(self.conditions, 0)
        faults |= {broker_faults.OF_SUBSCRIPTIONS | code: count for code, count in self.subscriptions.items()}
        if faults != self._written and (faults or settled) and monotonic >= self._write_at:
            broker_faults.record(faults, now, self._leads)
            self._written = faults
            self._write_at = monotonic + WRITE_SECONDS

    def _count(self, reason: int, topic: str) -> None:
        self._counts[reason] += 1
        if reason not in self._logged:
            self._logged.add(reason)
            log.error(
                "The broker refuses messages (%s), the first on %s; %s. Keeping them for a retry",
                reasons.name_of(reason),
                topic,
                reasons.advice_on(reason),
            )

    def _end_count(self) -> None:
        """Restart the count; the previous count stays visible until it is exceeded."""
        if self._counts:
            self._earlier = self._counts
        self._counts = Counter()
