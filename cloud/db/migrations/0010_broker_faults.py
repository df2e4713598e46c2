"""Refusals by the broker, for `status`."""

from peewee import BigIntegerField, Database, DateTimeField, IntegerField, Model
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the table."""

    class BrokerFault(Model):
        reason = IntegerField(primary_key=True)
        messages = BigIntegerField()
        since = DateTimeField()

        class Meta:
            database = db
            table_name = "broker_fault"

    db.create_tables([BrokerFault], safe=False)
