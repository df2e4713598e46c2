"""Healing a broker that forgot: what it lost is told again, and no more than that.

Mosquitto saves its retained messages from time to time; a power cut takes what came since. Beside them the daemon
retains the high-water mark of what they cover, so the mark is lost with them, and says how far back to go.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

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


def tell_again(after: int, up_to: int, now: datetime) -> Iterator[int]:
    """Have the lamps told again whose last publication lies between two versions; yield after each batch its size.

    What the outbox still holds is left to it. ``up_to`` is the newest version before the connection on which the
    mark was read: what was published over that connection can't have been lost before it.
    """
    for table in (Lampi, Forgotten):
        while True:
            with write_transaction():
                rows = list(
                    table.select()
                    .where(table.message_version.between(after + 1, up_to))
                    .where(table.message_version.not_in(OutboxMessage.select(OutboxMessage.version)))
                    .order_by(table.message_version)
                    .limit(ROWS_A_STATEMENT)
                )
                if table is Lampi:
                    Lampi.tell(rows)
                else:
                    Forgotten.tell([row.device_id for row in rows], now)
            if not rows:
                break
            yield len(rows)
    with write_transaction():
        Forgotten.delete().where(Forgotten.forgotten_at < now - REMEMBERED_FOR).execute()
