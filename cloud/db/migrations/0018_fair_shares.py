"""Fair shares for users: each user's rate of changes, and turns in the webhook's queue.

The turns of pending events stay NULL: the sender gives each one when it is due.
"""

from peewee import Database, DateTimeField, ForeignKeyField, Model
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create the table of the users' buckets; add columns and indexes for turns."""

    class User(Model):
        class Meta:
            database = db
            table_name = "lampi_user"

    class ChangeBucket(Model):
        user = ForeignKeyField(User, primary_key=True, on_delete="CASCADE")
        full_at = DateTimeField()

        class Meta:
            database = db
            table_name = "change_bucket"

    db.create_tables([ChangeBucket], safe=False)
    # Raw SQL: the migrator would rebuild SQLite's table of pending events.
    db.execute_sql("ALTER TABLE webhook_event ADD COLUMN user_name TEXT NOT NULL DEFAULT ''")
    db.execute_sql("ALTER TABLE webhook_event ADD COLUMN turn BIGINT")
    db.execute_sql("CREATE INDEX webhook_event_turn ON webhook_event (turn, due_at, id)")
    db.execute_sql("CREATE INDEX webhook_event_user_name ON webhook_event (user_name, turn)")
