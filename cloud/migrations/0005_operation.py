"""What operating it needs: how long the broker has been behind, who stands by, whether the broker can be trusted."""

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
