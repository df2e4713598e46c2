"""Monitoring and restore: age of pending messages, standbys, and whether the broker is trusted."""

from datetime import UTC, datetime

from peewee import BooleanField, Database, DateTimeField, Model, TextField
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns and the table."""

    class Standby(Model):
        holder = TextField(primary_key=True)
        expires_at = DateTimeField()

        class Meta:
            database = db
            table_name = "standby"

    now = datetime.now(UTC).replace(tzinfo=None)
    migrator.migrate(
        migrator.add_column("outbox_message", "enqueued_at", DateTimeField(default=now)),
        migrator.add_column("outbox_sequence", "broker_is_suspect", BooleanField(default=False)),
    )
    db.create_tables([Standby], safe=False)
