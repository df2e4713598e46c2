"""When the last good backup was made, for `status`."""

from datetime import datetime

from peewee import AutoField

from cloud.db.database import Table, write_transaction
from cloud.db.timestamps import TimestampField


class Backup(Table):
    """The last backup that was written and verified; at most one row."""

    id = AutoField()
    made_at: datetime = TimestampField()


def record(now: datetime) -> None:
    """Record a good backup."""
    with write_transaction():
        Backup.delete().execute()
        Backup.create(made_at=now)


def last_made_at() -> datetime | None:
    """Return when the last good backup was made, None if there was none."""
    last: Backup | None = Backup.select().order_by(Backup.id.desc()).first()
    return None if last is None else last.made_at
