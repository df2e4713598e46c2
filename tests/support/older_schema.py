"""The table of lamps as it was from migration 0004 to 0014, to fill a database that is then upgraded."""

from peewee import BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from cloud.db.database import Table
from cloud.db.timestamps import TimestampField, utc_now
from cloud.store.lamps import DEFAULT_NAME, User


class OlderLampi(Table):
    """A lamp; only the columns that have no default in the database, and those that tests set."""

    device_id = CharField(primary_key=True)
    name = TextField(default=DEFAULT_NAME)
    user = ForeignKeyField(User, null=True)
    association_code = CharField()
    created_at = TimestampField(default=utc_now)
    connected = BooleanField(default=False)
    code_issued_at = TimestampField(default=utc_now)
    message_version = BigIntegerField(default=0)
    short_code_length = IntegerField(default=6)

    class Meta:
        """Peewee options."""

        table_name = "lampi"
