"""Skeletons of usernames, by which new names that look like existing ones are refused."""

from peewee import AutoField, CharField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator

from cloud.db.name_skeletons import name_skeleton


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the column, and compute it for existing users. It is not unique: their names may look alike."""
    # Raw SQL: the migrator would rebuild the table, and SQLite refuses to drop a table that lamps reference.
    db.execute_sql("ALTER TABLE lampi_user ADD COLUMN name_skeleton TEXT NOT NULL DEFAULT ''")
    migrator.migrate(migrator.add_index("lampi_user", ("name_skeleton",)))

    class User(Model):
        id = AutoField()
        name = CharField(max_length=150)
        name_skeleton = TextField()

        class Meta:
            database = db
            table_name = "lampi_user"

    for user in list(User.select()):
        User.update(name_skeleton=name_skeleton(user.name)).where(User.id == user.id).execute()
