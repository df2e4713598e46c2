"""What the broker refused: said once, kept in the database for `status`, and due to be tried again."""

import logging
from collections import Counter
from datetime import datetime

from cloud import broker_faults
from cloud.mqtt import reasons

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0

WRITE_SECONDS = 1.0
"""How often their number is written while it changes."""


class Refusals:
    """Goes with one publisher over all its connections.

    Lamps' messages that were refused stay in the outbox; rounds go through them there (`due`, `begin_round`,
    `end_round`). The daemon's ``own`` messages are tried again by whoever publishes them.
    """

    def __init__(self) -> None:
        self.own: dict[int, int] = {}
        self._connection: int | None = None
        self._said: set[int] = set()
        self._counts: Counter[int] = Counter()
        self._earlier: Counter[int] = Counter()
        self._written: dict[int, int] | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._try_at: float | None = None
        self._write_at = 0.0

    @property
    def are_there(self) -> bool:
        """True where messages of lamps are to be tried again."""
        return self._try_at is not None

    def start_over(self) -> None:
        """Begin on a new connection, over which everything is published again."""
        self.own.clear()
        self._try_at = None
        self._end_count()
        self._pause = FIRST_PAUSE_SECONDS

    def due(self, monotonic: float) -> bool:
        """Tell whether it is time to try some of them again."""
        return self._try_at is not None and monotonic >= self._try_at

    def add(self, reason: int, topic: str, monotonic: float) -> None:
        """Note that a lamp's message was refused."""
        self._count(reason, topic)
        if self._try_at is None:
            self._try_at = monotonic + self._pause

    def add_own(self, number: int, reason: int, topic: str) -> None:
        """Note that one of the daemon's own messages was refused."""
        if self.own.get(number) != reason:
            self.own[number] = reason
            self._count(reason, topic)

    def turned_away(self, reason: int) -> None:
        """Note that the broker refused the connection; the client has said so."""
        self._connection = reason

    def let_in(self) -> None:
        """Note that the broker answers on a connection."""
        self._connection = None

    def hurry(self) -> None:
        """Have the next ones tried at once: what was in their way is gone."""
        self._try_at = 0.0

    def pause(self, monotonic: float, *, longer: bool) -> None:
        """Wait before the next try: some were refused again, or all, and then the pauses grow."""
        self._try_at = monotonic + self._pause
        if longer:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def begin_round(self) -> None:
        """Note that from now on all are tried once more."""
        self._end_count()

    def end_round(self) -> None:
        """Note that all were tried once more; what was refused meanwhile is due again after a pause."""
        if not self._counts:
            self._try_at = None
            self._pause = FIRST_PAUSE_SECONDS

    def record(self, now: datetime, monotonic: float, *, settled: bool) -> None:
        """Write what is refused where it has changed; ``settled`` says that everything was tried on this connection."""
        faults = dict(self._counts | self._earlier)
        if settled and not self.are_there and not self.own:
            faults = {}
            if self._said:
                log.info("The broker accepts all messages again")
            self._said.clear()
            self._end_count()
            self._earlier.clear()
        if self._connection is not None:
            faults.setdefault(self._connection, 0)
        if faults != self._written and (faults or settled) and monotonic >= self._write_at:
            broker_faults.record(faults, now)
            self._written = faults
            self._write_at = monotonic + WRITE_SECONDS

    def _count(self, reason: int, topic: str) -> None:
        self._counts[reason] += 1
        if reason not in self._said:
            self._said.add(reason)
            log.error(
                "The broker refuses messages (%s), the first on %s; %s. They are kept and tried again",
                reasons.name_of(reason),
                topic,
                reasons.advice_on(reason),
            )

    def _end_count(self) -> None:
        """Count from zero, and show until there is more what was counted."""
        if self._counts:
            self._earlier = self._counts
        self._counts = Counter()
