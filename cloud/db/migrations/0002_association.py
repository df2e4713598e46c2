"""Association: codes, association timestamps, presence, the outbox and the lease.

Each existing lamp gets a code and a message in the outbox.
"""

import secrets
from datetime import UTC, datetime

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Database,
    DateTimeField,
    Model,
    TextField,
)
from playhouse.migrate import SchemaMigrator

from shared.protocol import topics
from shared.protocol.payloads import Associated, Unassociated


def up(migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns, fill them, then add the constraints."""
    migrator.migrate(
        migrator.add_column("lampi", "association_code", CharField(max_length=32, null=True)),
        migrator.add_column("lampi", "associated_at", DateTimeField(null=True)),
        migrator.add_column("lampi", "connected", BooleanField(null=True)),
    )
    _fill(db, _make_tables(db))
    migrator.migrate(
        migrator.add_not_null("lampi", "association_code"),
        migrator.add_not_null("lampi", "connected"),
        migrator.add_index("lampi", ("association_code",), unique=True),
    )
    db.execute_sql(
        "CREATE UNIQUE INDEX lampi_short_code ON lampi (substr(association_code, 1, 6)) WHERE user_id IS NULL"
    )


def _make_tables(db: Database) -> type[Model]:
    """Create the new tables and return the outbox."""

    class OutboxMessage(Model):
        topic = TextField(primary_key=True)
        payload = TextField()
        version = BigIntegerField(unique=True)

        class Meta:
            database = db
            table_name = "outbox_message"

    class OutboxSequence(Model):
        id = AutoField()
        last_version = BigIntegerField()

        class Meta:
            database = db
            table_name = "outbox_sequence"

    class Lease(Model):
        name = TextField(primary_key=True)
        holder = TextField()
        expires_at = DateTimeField()

        class Meta:
            database = db
            table_name = "lease"

    db.create_tables([OutboxMessage, OutboxSequence, Lease], safe=False)
    return OutboxMessage


def _fill(db: Database, outbox: type[Model]) -> None:
    class Lampi(Model):
        device_id = CharField(max_length=12, primary_key=True)
        user_id = BigIntegerField(null=True)
        association_code = CharField(max_length=32)
        associated_at = DateTimeField(null=True)
        connected = BooleanField()

        class Meta:
            database = db
            table_name = "lampi"

    now = datetime.now(UTC).replace(tzinfo=None)
    taken: set[str] = set()
    version = 0
    for device_id, user_id in list(Lampi.select(Lampi.device_id, Lampi.user_id).tuples()):
        code = _code_apart_from(taken)
        version += 1
        owned = user_id is not None
        Lampi.update(association_code=code, connected=False, associated_at=now if owned else None).where(
            Lampi.device_id == device_id
        ).execute()
        payload = Associated().encode() if owned else Unassociated(code).encode()
        topic = topics.associated(topics.lamp_prefix(device_id))
        outbox.insert(topic=topic, payload=payload.decode(), version=version).execute()
    db.execute_sql(f"INSERT INTO outbox_sequence (last_version) VALUES ({version})")  # noqa: S608 - an int of ours


def _code_apart_from(taken: set[str]) -> str:
    while True:
        code = secrets.token_hex(16)
        if code[:6] not in taken:
            taken.add(code[:6])
            return code
