"""The table of lamps as it was from migration 0004 to 0014, to fill a database that is then upgraded."""

from collections.abc import Sequence
from datetime import datetime

import peewee
from peewee import BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField, TextField
from playhouse.migrations import Runner

from cloud.db.database import Table
from cloud.db.schema import MIGRATIONS
from cloud.db.timestamps import TimestampField, stored, utc_now
from cloud.store.lamps import DEFAULT_NAME, User


class OlderLampi(Table):
    """A lamp; only the columns that have no default in the database, and those that tests set."""

    device_id = CharField(primary_key=True)
    name = TextField(default=DEFAULT_NAME)
    user = ForeignKeyField(User, null=True)
    association_code = CharField()
    created_at = TimestampField(default=utc_now)
    connected = BooleanField(default=False)
    code_issued_at = TimestampField(default=utc_now)
    message_version = BigIntegerField(default=0)
    short_code_length = IntegerField(default=6)

    class Meta:
        """Peewee options."""

        table_name = "lampi"


def waiting_before(
    database: peewee.Database, migration: str, lamps: Sequence[tuple[str, str, int]], issued_at: datetime
) -> None:
    """Make the tables as they were after a migration, from 0015 on, with lamps that wait.

    Each is a device id, a code and the length of its short code, and has an offline lamp's presence.
    """
    Runner(database, str(MIGRATIONS)).up(migration)
    columns = "device_id, name, association_code, short_code_length, created_at, code_issued_at, connected"
    for row in lamps:
        database.execute_sql(
            f"INSERT INTO lampi ({columns}, message_version) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",  # noqa: S608
            (row[0], DEFAULT_NAME, row[1], row[2], stored(issued_at), stored(issued_at), False),
        )
    database.execute_sql("UPDATE outbox_sequence SET last_version = 1")
