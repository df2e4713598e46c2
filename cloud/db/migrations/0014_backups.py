"""When the last good backup was made."""

from peewee import AutoField, Database, DateTimeField, Model
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the table."""

    class Backup(Model):
        id = AutoField()
        made_at = DateTimeField()

        class Meta:
            database = db
            table_name = "backup"

    db.create_tables([Backup], safe=False)
