"""Other front ends: identify requests, API tokens and the webhook's outbox."""

from peewee import BooleanField, CharField, Database, DateTimeField, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the column and the tables."""

    class User(Model):
        class Meta:
            database = db
            table_name = "lampi_user"

    class ApiToken(Model):
        user = ForeignKeyField(User, on_delete="CASCADE")
        name = CharField(max_length=100)
        digest = CharField(max_length=64, unique=True)
        created_at = DateTimeField()
        last_used_at = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "api_token"

    class WebhookEvent(Model):
        message_id = CharField(max_length=40, unique=True)
        device_id = CharField(max_length=12)
        body = TextField()
        happened_at = DateTimeField(index=True)
        due_at = DateTimeField()
        attempts = IntegerField()

        class Meta:
            database = db
            table_name = "webhook_event"
            indexes = ((("device_id", "id"), False),)

    class WebhookReceiver(Model):
        exists = BooleanField()

        class Meta:
            database = db
            table_name = "webhook_receiver"

    migrator.migrate(migrator.add_column("lampi", "identify_until", DateTimeField(null=True)))
    db.execute_sql("CREATE INDEX lampi_identify_until ON lampi (identify_until) WHERE identify_until IS NOT NULL")
    db.create_tables([ApiToken, WebhookEvent, WebhookReceiver], safe=False)
