"""Transactional outbox: messages that the broker has not confirmed, one row per topic.

A change and its row are written in one transaction, so a crash between commit and publish loses nothing. The row is
removed once the broker has confirmed exactly its version; a newer version stays.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from peewee import AutoField, BigIntegerField, BooleanField, CharField, SqliteDatabase, TextField, chunked, fn

from cloud.db import bulk
from cloud.db.database import Table, database_proxy, run_sql, write_transaction
from cloud.db.timestamps import TimestampField, credible, utc_now
from shared.protocol.payloads import WITHDRAWN

CHANNEL = "lampi_outbox"
"""PostgreSQL notification channel, notified by each commit that reserves versions or has other work for the daemon."""


class OutboxMessage(Table):
    """A retained message that the broker has not confirmed.

    A newer message on the same topic replaces the row but keeps ``enqueued_at``, which tells how long the broker has
    been behind.
    """

    topic = TextField(primary_key=True)
    payload = TextField()
    version = BigIntegerField(unique=True)
    enqueued_at: datetime = TimestampField(default=utc_now)


class OutboxSequence(Table):
    """The single row that numbers messages, under the write lock and therefore in commit order.

    ``origin`` is a random id of this database; versions of another database are not comparable. ``broker_is_suspect``
    is True if this database was restored from a backup: the broker may retain messages newer than it.
    """

    id = AutoField()
    last_version = BigIntegerField()
    origin = CharField(max_length=32)
    broker_is_suspect = BooleanField(default=False)


class Pending(NamedTuple):
    """A row of the outbox; the payload is kept out of ``repr``, since it may contain a code."""

    version: int
    topic: str
    payload: bytes

    def __repr__(self) -> str:
        return f"Pending(version={self.version}, topic={self.topic!r})"


def reserve(count: int) -> int:
    """Reserve ``count`` versions and return the first; call it inside a write transaction."""
    notify = "" if isinstance(database_proxy.obj, SqliteDatabase) else f", pg_notify('{CHANNEL}', '')"
    counting = f"UPDATE outbox_sequence SET last_version = last_version + ? RETURNING last_version{notify}"  # noqa: S608 - names of ours
    return int(run_sql(counting, count)[0][0]) - count + 1


def notify() -> None:
    """Notify the daemon of the commit of this transaction, which reserves no versions."""
    if not isinstance(database_proxy.obj, SqliteDatabase):
        run_sql(f"SELECT pg_notify('{CHANNEL}', '')")


def put(messages: Sequence[Pending]) -> None:
    """Enqueue messages under reserved versions; the latest for a topic wins.

    Call it inside the write transaction of the change.
    """
    bulk.insert(
        OutboxMessage,
        ("topic", "payload", "version"),
        [(message.topic, message.payload.decode(), message.version) for message in messages],
        conflict="ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload, version = excluded.version",
    )


def pending(after: int, limit: int) -> list[Pending]:
    """Return up to ``limit`` rows with versions above ``after``, oldest first.

    An empty payload, with which earlier releases cleared a topic, is returned as a withdrawal.
    """
    rows = run_sql(
        "SELECT version, topic, payload FROM outbox_message WHERE version > ? ORDER BY version LIMIT ?", after, limit
    )
    return [Pending(version, topic, payload.encode() or WITHDRAWN) for version, topic, payload in rows]


def versions_of(topics: Iterable[str]) -> dict[str, int]:
    """Return the pending versions for these topics."""
    return dict(bulk.rows_among("SELECT topic, version FROM outbox_message WHERE topic {}", topics))


def newest_version() -> int:
    """Return the highest pending version, 0 if the outbox is empty.

    The daemon polls this many times a second. Raw SQL takes a twenty-fifth of the time that peewee takes to build the
    query.
    """
    (newest,) = database_proxy.execute_sql("SELECT COALESCE(MAX(version), 0) FROM outbox_message").fetchone()
    return int(newest)


def confirmed_up_to() -> int:
    """Return the high-water mark: the highest version up to which the broker has confirmed everything."""
    newest = last_version()  # read first: whatever is enqueued in between gets a higher version
    oldest_pending = OutboxMessage.select(fn.MIN(OutboxMessage.version)).scalar()
    return newest if oldest_pending is None else min(newest, int(oldest_pending) - 1)


def last_version() -> int:
    """Return the highest version ever reserved."""
    return int(OutboxSequence.get().last_version)


def skip_to(version: int) -> None:
    """Continue numbering above this version; call it inside a write transaction."""
    OutboxSequence.update(last_version=version).where(OutboxSequence.last_version < version).execute()


def broker_is_suspect() -> bool:
    """Return whether the broker's retained messages are untrusted; see `OutboxSequence`."""
    return bool(OutboxSequence.get().broker_is_suspect)


def suspect_broker(suspect: bool) -> None:
    """Set whether the broker's retained messages are untrusted; call it inside a write transaction."""
    OutboxSequence.update(broker_is_suspect=suspect).execute()


def oldest_pending_at() -> datetime | None:
    """Return when the oldest pending message was enqueued, None if the outbox is empty."""
    oldest: OutboxMessage | None = OutboxMessage.select().order_by(OutboxMessage.enqueued_at).first()
    return None if oldest is None else oldest.enqueued_at


def correct_future(now: datetime) -> int:
    """Set the timestamps that a wrong clock wrote to now, so that the age of the outbox is known; return how many."""
    # Not one UPDATE: it would read all messages while it holds the write lock.
    is_future = OutboxMessage.enqueued_at > credible(now)
    topics = [topic for (topic,) in OutboxMessage.select(OutboxMessage.topic).where(is_future).tuples()]
    corrected = 0
    for chunk in chunked(topics, bulk.ROWS_A_STATEMENT):
        correction = OutboxMessage.update(enqueued_at=now).where(OutboxMessage.topic.in_(chunk) & is_future)
        with write_transaction():
            corrected += correction.execute()
    return corrected


def origin() -> str:
    """Return the random id of this database."""
    return str(OutboxSequence.get().origin)


def remove(versions: Iterable[int]) -> None:
    """Remove the rows of exactly these versions, which the broker has confirmed.

    A power cut may undo this, and the messages are then published again: waiting for the disk would only be slower.
    """
    with write_transaction(durable=False):
        bulk.change_in_ranges("DELETE FROM outbox_message WHERE version BETWEEN ? AND ?", versions)
