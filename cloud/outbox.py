"""The outbox: what the broker must still be told, one row a topic.

A change and its row are written in one transaction, so a kill between commit and publish loses nothing. The row
goes when the broker has confirmed exactly its version; a newer one stays.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from peewee import AutoField, BigIntegerField, BooleanField, CharField, SqliteDatabase, TextField, fn

from cloud import bulk
from cloud.database import Table, database_proxy, run_sql, write_transaction
from cloud.instants import InstantField, utc_now

CHANNEL = "lampi_outbox"
"""PostgreSQL's channel on which each commit that numbered messages is told to whoever listens."""


class OutboxMessage(Table):
    """A retained message that the broker has not confirmed; the payload is empty where it is to be cleared.

    A newer message on the same topic takes the row, but not its instant: since then the broker has been behind.
    """

    topic = TextField(primary_key=True)
    payload = TextField()
    version = BigIntegerField(unique=True)
    enqueued_at: datetime = InstantField(default=utc_now)


class OutboxSequence(Table):
    """The single row that numbers publications: under the write lock, in the order of their commits.

    ``origin`` is this database's own name, random: numbers of another database mean nothing here.
    ``broker_is_suspect`` where this database is an older copy of one whose daemon spoke to the broker since: what
    is retained may be of a future that this database does not know.
    """

    id = AutoField()
    last_version = BigIntegerField()
    origin = CharField(max_length=32)
    broker_is_suspect = BooleanField(default=False)


class Pending(NamedTuple):
    """A row of the outbox; the payload stays out of ``repr``, since it may hold a code."""

    version: int
    topic: str
    payload: bytes

    def __repr__(self) -> str:
        return f"Pending(version={self.version}, topic={self.topic!r})"


def reserve(count: int) -> int:
    """Return the first of so many new versions, for messages of the present write transaction."""
    told = "" if isinstance(database_proxy.obj, SqliteDatabase) else f", pg_notify('{CHANNEL}', '')"
    counting = f"UPDATE outbox_sequence SET last_version = last_version + ? RETURNING last_version{told}"  # noqa: S608 - names of ours
    return int(run_sql(counting, count)[0][0]) - count + 1


def put(messages: Sequence[Pending]) -> None:
    """Have the broker told these messages, under versions that were reserved; the latest for a topic wins.

    Call it inside the write transaction of the change that they tell of.
    """
    bulk.insert(
        OutboxMessage,
        ("topic", "payload", "version"),
        [(message.topic, message.payload.decode(), message.version) for message in messages],
        conflict="ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload, version = excluded.version",
    )


def pending(after: int, limit: int) -> list[Pending]:
    """Return up to ``limit`` rows whose version is above ``after``, oldest first."""
    rows = run_sql(
        "SELECT version, topic, payload FROM outbox_message WHERE version > ? ORDER BY version LIMIT ?", after, limit
    )
    return [Pending(version, topic, payload.encode()) for version, topic, payload in rows]


def versions_of(topics: Iterable[str]) -> dict[str, int]:
    """Return the versions that wait for these topics."""
    return dict(bulk.rows_among("SELECT topic, version FROM outbox_message WHERE topic {}", topics))


def newest_version() -> int:
    """Return the highest version in the outbox, 0 where it is empty: a cheap look for what is new.

    The daemon asks this many times a second; written out, it takes a twenty-fifth of what building the query would.
    """
    (newest,) = database_proxy.execute_sql("SELECT COALESCE(MAX(version), 0) FROM outbox_message").fetchone()
    return int(newest)


def confirmed_up_to() -> int:
    """Return the high-water mark: the highest version up to which the broker has confirmed everything."""
    newest = last_version()  # before the look at what is pending: whatever is enqueued in between lies above it
    oldest_pending = OutboxMessage.select(fn.MIN(OutboxMessage.version)).scalar()
    return newest if oldest_pending is None else min(newest, int(oldest_pending) - 1)


def last_version() -> int:
    """Return the highest version that was ever given."""
    return int(OutboxSequence.get().last_version)


def skip_to(version: int) -> None:
    """Give only versions above this one from now on; inside a write transaction."""
    OutboxSequence.update(last_version=version).where(OutboxSequence.last_version < version).execute()


def broker_is_suspect() -> bool:
    """Tell whether nothing can be trusted that the broker retains; see `OutboxSequence`."""
    return bool(OutboxSequence.get().broker_is_suspect)


def suspect_broker(suspect: bool) -> None:
    """Note whether what the broker retains can't be trusted; inside a write transaction."""
    OutboxSequence.update(broker_is_suspect=suspect).execute()


def oldest_pending_at() -> datetime | None:
    """Return since when the broker has been behind, or None where it knows everything."""
    oldest: OutboxMessage | None = OutboxMessage.select().order_by(OutboxMessage.enqueued_at).first()
    return None if oldest is None else oldest.enqueued_at


def origin() -> str:
    """Return this database's own name."""
    return str(OutboxSequence.get().origin)


def remove(versions: Iterable[int]) -> None:
    """Remove the rows of exactly these versions: the broker has confirmed them."""
    with write_transaction():
        bulk.change_among("DELETE FROM outbox_message WHERE version {}", versions)
