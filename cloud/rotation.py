"""Rotation: the code of a lamp that waits is replaced when it is older than its time to live."""

from datetime import datetime, timedelta

from peewee import AutoField, BigIntegerField

from cloud.database import Table, write_transaction
from cloud.models import Lampi
from cloud.outbox import ROWS_A_STATEMENT


class CodeTtl(Table):
    """The single row that says for how long codes are good: the daemon's setting, for every command to go by.

    A command with a setting of its own would refuse the very code that a screen shows.
    """

    id = AutoField()
    seconds = BigIntegerField()


def announce_ttl(code_ttl: timedelta | None) -> None:
    """Have every process go by this time to live; None is for ever."""
    seconds = 0 if code_ttl is None else round(code_ttl.total_seconds())
    with write_transaction():
        said: CodeTtl | None = CodeTtl.get_or_none()
        if said is None:
            CodeTtl.create(seconds=seconds)
        elif said.seconds != seconds:
            CodeTtl.update(seconds=seconds).execute()


def announced_ttl(otherwise: timedelta | None) -> timedelta | None:
    """Return the time to live that a daemon announced, or another one where none ever did."""
    said: CodeTtl | None = CodeTtl.get_or_none()
    if said is None:
        return otherwise
    return timedelta(seconds=said.seconds) if said.seconds else None


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
