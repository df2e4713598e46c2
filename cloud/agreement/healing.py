"""Healing a broker that forgot: what it lost is told again, and no more than that.

Mosquitto saves its retained messages from time to time; a power cut takes what came since. Beside them the daemon
retains the high-water mark of what they cover, so the mark is lost with them, and says how far back to go.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from peewee import SQL, Value, fn

from cloud import outbox
from cloud.bulk import ROWS_A_STATEMENT
from cloud.database import write_transaction
from cloud.forgotten import Forgotten, associated_topic
from cloud.models import Lampi
from cloud.outbox import OutboxMessage
from shared.payloads import HighWaterMark

log = logging.getLogger(__name__)

FURTHEST_AHEAD = 2**40
"""How far ahead of this database a mark is believed: no daemon publishes that much, and versions must not run out."""

REMEMBERED_FOR = timedelta(days=30)
"""How long the clearing of a forgotten lamp's message can be done again; no broker saves less often."""

MOST_RANGES = 16
"""How many ranges a mark names at most; one more comes with each connection on which the healing is broken off."""

Range = tuple[int, int]
"""Versions: above the first, up to the second."""

Told = TypeVar("Told", Lampi, Forgotten)

_PREFIX, _SUFFIX = associated_topic("0" * 12).split("0" * 12)


class Healing:
    """Has told again, in its order and a batch at a time, what a broker lost that retains this mark.

    ``newest`` is the last version before the connection on which the mark was read: what was published over that
    connection can't have been lost before it. What the outbox holds is left to it, unless the broker is ``suspect``:
    then nothing that it retains counts. ``told`` is how many messages were told again so far.
    """

    def __init__(self, mark: HighWaterMark | None, newest: int) -> None:
        believed = _believed(mark, newest)
        self.suspect = outbox.broker_is_suspect()
        if self.suspect:  # also what was numbered since: the mark hid it, should the broker lose it
            newest = outbox.last_version()
        self.done = False
        self.told = 0
        self._left = rest([] if believed is None else [(0, believed.version), *believed.also], newest)

    def step(self, now: datetime, most: int = ROWS_A_STATEMENT) -> None:
        """Have the next of them told again, up to so many lamps and so many forgotten ones."""
        left, told = self._left, 0
        with write_transaction():
            while left and not told:
                (after, newest), *others = left
                lamps, up_to = self._next_of(Lampi, after, newest, most)
                forgotten, up_to = self._next_of(Forgotten, after, up_to, most)
                lamps = [lampi for lampi in lamps if lampi.message_version <= up_to]
                Lampi.tell(lamps)
                Forgotten.tell([lamp.device_id for lamp in forgotten], now)
                told = len(lamps) + len(forgotten)
                # The last version may be that of others, too, as after an upgrade; what was told has left it.
                is_all = max(len(lamps), len(forgotten)) < most and up_to == newest
                left = others if is_all else [(up_to - 1, newest), *others]
            if not left:
                Forgotten.delete().where(Forgotten.forgotten_at < now - REMEMBERED_FOR).execute()
        self._left, self.done = left, not left
        self.told += told

    def mark(self, confirmed: int) -> HighWaterMark:
        """Return the high-water mark where the broker has confirmed all up to a version.

        What was told again is of later versions, and what is left to tell is left out. So whoever dies halfway, daemon
        or connection, leaves the other half to do.
        """
        covered = rest(self._left, confirmed)
        version = covered.pop(0)[1] if covered and covered[0][0] == 0 else 0
        widest = sorted(covered[:-1], key=lambda one: one[0] - one[1])[: MOST_RANGES - 1]
        return HighWaterMark(outbox.origin(), version, (*sorted(widest), *covered[-1:]))

    def _next_of(self, table: type[Told], after: int, up_to: int, most: int) -> tuple[list[Told], int]:
        """Return what was last said between two versions, up to so many, and the version that this goes up to."""
        lost = table.message_version.between(after + 1, up_to)
        if not self.suspect:
            topic = Value(_PREFIX).concat(table.device_id).concat(_SUFFIX)
            lost &= ~fn.EXISTS(OutboxMessage.select(SQL("1")).where(OutboxMessage.topic == topic))
        rows = list(table.select().where(lost).order_by(table.message_version).limit(most))
        return rows, rows[-1].message_version if len(rows) == most else up_to


def rest(ranges: Iterable[Range], top: int) -> list[Range]:
    """Return what lies above 0, up to ``top``, and in none of these ranges; in order."""
    found, reached = [], 0
    for after, up_to in sorted(one for one in ranges if one[0] < one[1]):
        if reached < min(after, top):
            found.append((reached, min(after, top)))
        reached = max(reached, up_to)
    return [*found, (reached, top)] if reached < top else found


def _believed(mark: HighWaterMark | None, newest: int) -> HighWaterMark | None:
    """Return the mark that the broker retains, or None where it can't be gone by and all must be told again.

    A mark of another database means nothing. One that is ahead of us says that this database is an older copy:
    then versions go on above it, and nothing that is retained is trusted until all has been told and every ghost
    is cleared. The database itself remembers that, since the mark can say it only once. It is held against what was
    the newest before the connection: what that brings is numbered, too.
    """
    if mark is not None:
        reached = max([mark.version, *(up_to for _, up_to in mark.also)])
        ahead = reached - newest
        if mark.origin != outbox.origin() or ahead > FURTHEST_AHEAD:
            log.warning(
                "Another database's daemon spoke to this broker before; should it still run, stop one of the two"
            )
            mark = None
        elif ahead > 0:
            with write_transaction():
                outbox.skip_to(reached)
                outbox.suspect_broker(True)
    if outbox.broker_is_suspect():
        log.warning("This database is an older copy of what the broker was told; telling every lamp again")
        return None
    return mark
