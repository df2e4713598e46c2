"""Tables of users and lamps, before association."""

from peewee import AutoField, CharField, Database, DateTimeField, ForeignKeyField, Model, TextField
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create the two tables."""

    class User(Model):
        id = AutoField()
        name = CharField(max_length=150, unique=True)

        class Meta:
            database = db
            table_name = "lampi_user"

    class Lampi(Model):
        device_id = CharField(max_length=12, primary_key=True)
        name = TextField()
        user = ForeignKeyField(User, null=True, on_delete="RESTRICT")
        created_at = DateTimeField()

        class Meta:
            database = db
            table_name = "lampi"

    db.create_tables([User, Lampi], safe=False)
