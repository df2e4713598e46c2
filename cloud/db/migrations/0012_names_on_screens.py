"""Republish lamps that were named before screens showed names."""

from collections.abc import Iterator
from datetime import UTC, datetime

from peewee import Database, chunked
from playhouse.migrate import SchemaMigrator

from shared.protocol import topics
from shared.protocol.payloads import Associated

_UNNAMED = "My LAMPI"
_LONGEST = 100
_ROWS_A_STATEMENT = 500

_PAGE = (
    "SELECT device_id, name FROM lampi WHERE device_id > ? AND user_id IS NOT NULL AND name <> ? "
    "ORDER BY device_id LIMIT ?"
)
_ENQUEUE = (
    "INSERT INTO outbox_message (topic, payload, version, enqueued_at) VALUES {} "
    "ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload, version = excluded.version"
)
_NOTE_VERSIONS = (
    "UPDATE lampi SET message_version = message.version FROM outbox_message AS message "
    "WHERE message.topic = ? || lampi.device_id || ? AND message.version > ?"
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Enqueue a message for each of them, replacing a pending one."""
    now = str(datetime.now(UTC).replace(tzinfo=None))
    ((before,),) = db.execute_sql("SELECT last_version FROM outbox_sequence").fetchall()
    version = before
    for chunk in chunked(_named(db), _ROWS_A_STATEMENT):
        values: list[object] = []
        for device_id, shown in chunk:
            version += 1
            topic = topics.associated(topics.lamp_prefix(device_id))
            values += [topic, Associated(shown).encode().decode(), version, now]
        row = f"({', '.join([db.param] * 4)})"
        db.execute_sql(_ENQUEUE.format(", ".join([row] * len(chunk))), values)
    parts = topics.associated(topics.lamp_prefix(" ")).split(" ")
    db.execute_sql(_NOTE_VERSIONS.replace("?", db.param), [*parts, before])
    db.execute_sql(f"UPDATE outbox_sequence SET last_version = {db.param}", [version])  # noqa: S608 - placeholders


def _named(db: Database) -> Iterator[tuple[str, str]]:
    """Yield device ids and names as shown. Reads pages by primary key, to hold few rows in memory."""
    last = ""
    while page := db.execute_sql(_PAGE.replace("?", db.param), [last, _UNNAMED, _ROWS_A_STATEMENT]).fetchall():
        for device_id, name in page:
            if shown := name.strip()[:_LONGEST]:
                yield device_id, shown
        last = page[-1][0]
