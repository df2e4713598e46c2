"""Replay of retained messages that the broker lost, and of no others.

Mosquitto saves its retained messages periodically; a power cut loses those since the last save. The daemon retains a
high-water mark of the versions confirmed so far. The mark is lost together with the messages, so the surviving one
tells where to start the replay.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from peewee import SQL, Value, fn

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import write_transaction
from cloud.db.timestamps import FAR_FUTURE
from cloud.services.lamps import enqueue_state, set_due
from cloud.store import outbox
from cloud.store.lamps import Lampi
from cloud.store.outbox import OutboxMessage
from cloud.store.tombstones import Tombstone, associated_topic
from shared.protocol.payloads import HighWaterMark

log = logging.getLogger(__name__)

FURTHEST_AHEAD = 2**40
"""Maximum distance by which a mark may be ahead of this database: no daemon publishes that many messages, and versions
must not run out."""

REMEMBERED_FOR = timedelta(days=30)
"""How long tombstones are kept for a replay; no broker saves less often."""

MOST_RANGES = 16
"""Maximum number of ranges in a mark; each connection on which a replay is interrupted adds one."""

Range = tuple[int, int]
"""Versions above the first, up to and including the second."""

Versioned = TypeVar("Versioned", Lampi, Tombstone)

_PREFIX, _SUFFIX = associated_topic("0" * 12).split("0" * 12)


class Replay:
    """Replays what a broker with this mark has lost, in order and in batches.

    ``newest`` is the last version before the connection on which the mark was read; messages published on that
    connection can't have been lost before. Messages in the outbox are skipped, since they are published anyway, unless
    the broker is ``suspect``: then no retained message is trusted. ``replayed`` counts the replayed messages. The
    popups of waiting lamps with stock treatment reopen: their screens may show what the broker retained before.
    """

    def __init__(self, mark: HighWaterMark | None, newest: int) -> None:
        believed = _believed(mark, newest)
        self.suspect = outbox.broker_is_suspect()
        if self.suspect:  # include versions reserved since: the mark would hide them if the broker lost them
            newest = outbox.last_version()
        self.done = False
        self.replayed = 0
        self._left = rest([] if believed is None else [(0, believed.version), *believed.also], newest)

    def step(self, now: datetime, most: int = ROWS_A_STATEMENT) -> None:
        """Enqueue the next messages: up to ``most`` lamps and up to ``most`` tombstones."""
        left, replayed = self._left, 0
        with write_transaction():
            while left and not replayed:
                (after, newest), *others = left
                lamps, up_to = self._next_of(Lampi, after, newest, most)
                forgotten, up_to = self._next_of(Tombstone, after, up_to, most)
                lamps = [lampi for lampi in lamps if lampi.message_version <= up_to]
                waiting = [lampi for lampi in lamps if lampi.stock_screen and lampi.user_id is None]
                set_due(waiting, FAR_FUTURE)
                enqueue_state(lamps)
                Tombstone.enqueue_withdrawal([lamp.device_id for lamp in forgotten], now)
                replayed = len(lamps) + len(forgotten)
                # The last version may be shared by several lamps, as after a migration; replayed ones have a new
                # version.
                is_all = max(len(lamps), len(forgotten)) < most and up_to == newest
                left = others if is_all else [(up_to - 1, newest), *others]
            if not left:
                Tombstone.delete().where(Tombstone.forgotten_at < now - REMEMBERED_FOR).execute()
        self._left, self.done = left, not left
        self.replayed += replayed

    def mark(self, confirmed: int) -> HighWaterMark:
        """Return the high-water mark if the broker has confirmed all versions up to ``confirmed``.

        Replayed messages get new versions, and those still to be replayed are left out. If the daemon or the connection
        dies halfway, the rest is replayed later.
        """
        covered = rest(self._left, confirmed)
        version = covered.pop(0)[1] if covered and covered[0][0] == 0 else 0
        widest = sorted(covered[:-1], key=lambda one: one[0] - one[1])[: MOST_RANGES - 1]
        return HighWaterMark(outbox.origin(), version, (*sorted(widest), *covered[-1:]))

    def _next_of(self, table: type[Versioned], after: int, up_to: int, most: int) -> tuple[list[Versioned], int]:
        """Return up to ``most`` rows between two versions, and the version that they reach."""
        lost = table.message_version.between(after + 1, up_to)
        if not self.suspect:
            topic = Value(_PREFIX).concat(table.device_id).concat(_SUFFIX)
            lost &= ~fn.EXISTS(OutboxMessage.select(SQL("1")).where(OutboxMessage.topic == topic))
        rows = list(table.select().where(lost).order_by(table.message_version).limit(most))
        return rows, rows[-1].message_version if len(rows) == most else up_to


def rest(ranges: Iterable[Range], top: int) -> list[Range]:
    """Return the parts of (0, ``top``] that are in none of these ranges, in order."""
    found, reached = [], 0
    for after, up_to in sorted(one for one in ranges if one[0] < one[1]):
        if reached < min(after, top):
            found.append((reached, min(after, top)))
        reached = max(reached, up_to)
    return [*found, (reached, top)] if reached < top else found


def _believed(mark: HighWaterMark | None, newest: int) -> HighWaterMark | None:
    """Return the broker's mark, or None if it can't be used and everything must be replayed.

    A mark of another database is meaningless. A mark ahead of this database means that this database was restored from
    a backup: numbering continues above the mark, and no retained message is trusted until everything has been replayed
    and all orphans are withdrawn. The database stores that state, since the mark shows it only once. The comparison
    uses the newest version before the connection, which itself causes new versions.
    """
    if mark is not None:
        reached = max([mark.version, *(up_to for _, up_to in mark.also)])
        ahead = reached - newest
        if mark.origin != outbox.origin() or ahead > FURTHEST_AHEAD:
            log.warning(
                "The broker's high-water mark is from another database; if its daemon still runs, stop one of the two"
            )
            mark = None
        elif ahead > 0:
            with write_transaction():
                outbox.skip_to(reached)
                outbox.suspect_broker(True)
    if outbox.broker_is_suspect():
        log.warning("This database is older than the broker's retained messages; republishing all lamps")
        return None
    return mark
