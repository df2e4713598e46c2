"""Rotation: the code of a lamp that waits is replaced when it is older than its time to live."""

from datetime import datetime

from cloud.database import write_transaction
from cloud.models import Lampi
from cloud.outbox import ROWS_A_STATEMENT


def rotate(issued_before: datetime, now: datetime) -> list[str]:
    """Give new codes to up to a batch of connected lamps whose codes lapsed; return the lamps' ids.

    Lamps that are away keep theirs, which is worth nothing any more, until they come back.
    """
    lapsed = (
        Lampi.select()
        .where(Lampi.user.is_null() & (Lampi.code_issued_at <= issued_before) & Lampi.connected)
        .order_by(Lampi.code_issued_at)
        .limit(ROWS_A_STATEMENT)
    )
    if not lapsed.exists():
        return []
    with write_transaction():
        lamps = list(lapsed)
        Lampi.issue_codes(lamps, now)
        Lampi.tell(lamps)
    return [lampi.device_id for lampi in lamps]
