"""Republish lamps that were named before screens showed names."""

from datetime import UTC, datetime

from peewee import BigIntegerField, CharField, Database, DateTimeField, Model, TextField
from playhouse.migrate import SchemaMigrator

from shared import topics
from shared.payloads import Associated

_UNNAMED = "My LAMPI"
_LONGEST = 100


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Enqueue a message for each of them, replacing a pending one."""

    class Lampi(Model):
        device_id = CharField(max_length=12, primary_key=True)
        name = TextField()
        user_id = BigIntegerField(null=True)
        message_version = BigIntegerField()

        class Meta:
            database = db
            table_name = "lampi"

    class OutboxMessage(Model):
        topic = TextField(primary_key=True)
        payload = TextField()
        version = BigIntegerField()
        enqueued_at = DateTimeField()

        class Meta:
            database = db
            table_name = "outbox_message"

    now = datetime.now(UTC).replace(tzinfo=None)
    ((version,),) = db.execute_sql("SELECT last_version FROM outbox_sequence").fetchall()
    named = Lampi.select(Lampi.device_id, Lampi.name).where(Lampi.user_id.is_null(False) & (Lampi.name != _UNNAMED))
    for device_id, name in list(named.order_by(Lampi.device_id).tuples()):
        if not (shown := name.strip()[:_LONGEST]):
            continue
        version += 1
        payload = Associated(shown).encode().decode()
        topic = topics.associated(topics.lamp_prefix(device_id))
        Lampi.update(message_version=version).where(Lampi.device_id == device_id).execute()
        OutboxMessage.insert(topic=topic, payload=payload, version=version, enqueued_at=now).on_conflict(
            conflict_target=[OutboxMessage.topic],
            update={OutboxMessage.payload: payload, OutboxMessage.version: version},
        ).execute()
    db.execute_sql(f"UPDATE outbox_sequence SET last_version = {int(version)}")  # noqa: S608 - an int of ours
