"""Whether people can create accounts themselves, for the length of codes."""

from peewee import AutoField, BooleanField, Database, Model
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the table."""

    class SignUp(Model):
        id = AutoField()
        is_open = BooleanField()

        class Meta:
            database = db
            table_name = "sign_up"

    db.create_tables([SignUp], safe=False)
