"""Offers, by which an owner hands a lamp over, and the new owner in the audit log."""

from peewee import CharField, Database, DateTimeField, ForeignKeyField, IntegerField, Model
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the table and the column."""

    class User(Model):
        class Meta:
            database = db
            table_name = "lampi_user"

    class Lampi(Model):
        device_id = CharField(max_length=12, primary_key=True)

        class Meta:
            database = db
            table_name = "lampi"

    class Offer(Model):
        lampi = ForeignKeyField(Lampi, column_name="device_id", primary_key=True, on_delete="CASCADE")
        user = ForeignKeyField(User, on_delete="CASCADE")
        code = CharField(max_length=32, unique=True)
        short_code_length = IntegerField()
        offered_at = DateTimeField(index=True)

        class Meta:
            database = db
            table_name = "offer"

    db.create_tables([Offer], safe=False)
    # Raw SQL: the migrator would rebuild SQLite's table, and lose the triggers that protect the audit log.
    db.execute_sql("ALTER TABLE history ADD COLUMN new_owner TEXT")
