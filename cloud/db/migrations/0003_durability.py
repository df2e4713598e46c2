"""Replay, rotation and standby daemons: message versions, code timestamps and tombstones."""

import uuid
from datetime import UTC, datetime

from peewee import AutoField, BigIntegerField, CharField, Database, DateTimeField, Model
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns and tables, and set versions of existing lamps."""

    class Forgotten(Model):
        device_id = CharField(max_length=12, primary_key=True)
        message_version = BigIntegerField(index=True)
        forgotten_at = DateTimeField(index=True)

        class Meta:
            database = db
            table_name = "forgotten"

    class CodeTtl(Model):
        id = AutoField()
        seconds = BigIntegerField()

        class Meta:
            database = db
            table_name = "code_ttl"

    now = datetime.now(UTC).replace(tzinfo=None)
    migrator.migrate(
        migrator.add_column("lampi", "message_version", BigIntegerField(default=0)),
        migrator.add_column("lampi", "code_issued_at", DateTimeField(default=now)),
        migrator.add_column("outbox_sequence", "origin", CharField(max_length=32, default=uuid.uuid4().hex)),
        migrator.add_index("lampi", ("message_version",)),
    )
    db.create_tables([Forgotten, CodeTtl], safe=False)
    # The version that last published a lamp was not stored. The highest of all is never too low, so a replay misses
    # none.
    db.execute_sql("UPDATE lampi SET message_version = (SELECT MAX(last_version) FROM outbox_sequence)")
    db.execute_sql("CREATE INDEX lampi_waiting_since ON lampi (code_issued_at) WHERE user_id IS NULL")
