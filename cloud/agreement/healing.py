"""Healing a broker that forgot: what it lost is told again, and no more than that.

Mosquitto saves its retained messages from time to time; a power cut takes what came since. Beside them the daemon
retains the high-water mark of what they cover, so the mark is lost with them, and says how far back to go.
"""

import logging
from array import array
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from peewee import SQL, ModelSelect, fn

from cloud import outbox
from cloud.bulk import ROWS_A_STATEMENT
from cloud.database import write_transaction
from cloud.forgotten import Forgotten
from cloud.models import Lampi
from cloud.outbox import OutboxMessage
from shared.payloads import HighWaterMark

log = logging.getLogger(__name__)

FURTHEST_AHEAD = 2**40
"""How far ahead of this database a mark is believed: no daemon publishes that much, and versions must not run out."""

REMEMBERED_FOR = timedelta(days=30)
"""How long the clearing of a forgotten lamp's message can be done again; no broker saves less often."""


def version_to_heal_from(mark: HighWaterMark | None) -> int:
    """Return the version up to which the broker has everything, going by the mark that it retains.

    A mark of another database means nothing. One that is ahead of us says that this database is an older copy:
    then versions go on above it, and nothing that is retained is trusted until all has been told and every ghost
    is cleared. The database itself remembers that, since the mark can say it only once.
    """
    if mark is not None:
        ahead = mark.version - outbox.last_version()
        if mark.origin != outbox.origin() or ahead > FURTHEST_AHEAD:
            log.warning(
                "Another database's daemon spoke to this broker before; should it still run, stop one of the two"
            )
            mark = None
        elif ahead > 0:
            with write_transaction():
                outbox.skip_to(mark.version)
                outbox.suspect_broker(True)
    if outbox.broker_is_suspect():
        log.warning("This database is an older copy of what the broker was told; telling every lamp again")
        return 0
    return 0 if mark is None else mark.version


@dataclass(frozen=True)
class SaidBefore:
    """What was said before a connection came up, and may be lost: up to a version, but not what was pending then."""

    newest: int
    pending: "array[int]" = field(repr=False)

    @classmethod
    def now(cls) -> Self:
        """Look at it as the connection comes up, before anything is published over it."""
        newest = outbox.last_version()  # first: what is enqueued in between lies above it
        return cls(newest, outbox.pending_versions())

    def was_pending(self, version: int) -> bool:
        """Tell whether this version was not yet confirmed then, so that it is or will be said over the connection."""
        place = bisect_left(self.pending, version)
        return place < len(self.pending) and self.pending[place] == version


class Healing:
    """What was last said after a version and before the connection is told again, in that order, a batch at a time.

    ``told`` is how many messages that were so far.
    """

    def __init__(self, after: int, before: SaidBefore) -> None:
        self.done = False
        self.told = 0
        self._before = before
        self._told_up_to = self._mark = after
        self._steps: deque[tuple[int, int]] = deque()

    def step(self, now: datetime, most: int = ROWS_A_STATEMENT) -> None:
        """Have the next of them told again, up to so many lamps and so many forgotten ones."""
        with write_transaction():
            lamps, forgotten = list(self._next_of(Lampi, most)), list(self._next_of(Forgotten, most))
            # Where one table has more to come, the other waits for it: all up to a version, then the next.
            full = [rows[-1].message_version for rows in (lamps, forgotten) if len(rows) == most]
            told_up_to = min([self._before.newest, *full])
            lamps, forgotten = ([row for row in rows if self._is_lost(row, told_up_to)] for rows in (lamps, forgotten))
            Lampi.tell(lamps)
            Forgotten.tell([lamp.device_id for lamp in forgotten], now)
            if done := told_up_to == self._before.newest:
                Forgotten.delete().where(Forgotten.forgotten_at < now - REMEMBERED_FOR).execute()
            said_with = outbox.last_version()
        self._steps.append((told_up_to, said_with))
        self._told_up_to, self.done = told_up_to, done
        self.told += len(lamps) + len(forgotten)

    def mark(self, confirmed: int) -> int:
        """Return the high-water mark where the broker has confirmed all up to a version.

        Until all is told again it is the version up to which nothing is lost any more. So who dies halfway, daemon or
        connection, leaves half of it to do.
        """
        while self._steps and self._steps[0][1] <= confirmed:
            self._mark, _ = self._steps.popleft()
        return confirmed if self.done else min(self._mark, confirmed)

    def _next_of(self, table: type[Lampi] | type[Forgotten], most: int) -> ModelSelect:
        pending = OutboxMessage.select(SQL("1")).where(OutboxMessage.version == table.message_version)
        left = table.message_version.between(self._told_up_to + 1, self._before.newest)
        return table.select().where(left & ~fn.EXISTS(pending)).order_by(table.message_version).limit(most)

    def _is_lost(self, row: Lampi | Forgotten, up_to: int) -> bool:
        return row.message_version <= up_to and not self._before.was_pending(row.message_version)
