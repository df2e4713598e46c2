"""The lamps that are watched, with what they show; requests to change it; and each owner's rate of requests."""

from peewee import BooleanField, CharField, Database, DateTimeField, DoubleField, ForeignKeyField, Model
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create the tables."""

    class User(Model):
        class Meta:
            database = db
            table_name = "lampi_user"

    class StateWatch(Model):
        device_id = CharField(max_length=12, primary_key=True)
        began_at = DateTimeField()
        until = DateTimeField()
        hue = DoubleField(null=True)
        saturation = DoubleField(null=True)
        brightness = DoubleField(null=True)
        is_on = BooleanField(null=True)
        reported_at = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "state_watch"

    class StateRequest(Model):
        device_id = CharField(max_length=12, primary_key=True)
        user = ForeignKeyField(User, on_delete="CASCADE")
        hue = DoubleField(null=True)
        saturation = DoubleField(null=True)
        brightness = DoubleField(null=True)
        is_on = BooleanField(null=True)
        requested_at = DateTimeField()
        is_published = BooleanField()
        is_answered = BooleanField()

        class Meta:
            database = db
            table_name = "state_request"

    class StateBucket(Model):
        user = ForeignKeyField(User, primary_key=True, on_delete="CASCADE")
        full_at = DateTimeField()

        class Meta:
            database = db
            table_name = "state_bucket"

    db.create_tables([StateWatch, StateRequest, StateBucket], safe=False)
