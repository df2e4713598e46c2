"""Requests of lamps to be released."""

from peewee import BigIntegerField, CharField, Database, DateTimeField, Model, TextField
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the table."""

    class ResetRequest(Model):
        device_id = CharField(max_length=12, primary_key=True)
        user_id = BigIntegerField()
        associated_at = DateTimeField(null=True)
        stage = TextField()
        ticket = CharField(max_length=32)
        wait_seconds = BigIntegerField()
        since = DateTimeField()
        due_at = DateTimeField()

        class Meta:
            database = db
            table_name = "reset_request"
            indexes = ((("stage", "due_at"), False),)

    db.create_tables([ResetRequest], safe=False)
