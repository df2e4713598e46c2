"""The outbox: what the broker must still be told, one row a topic.

A change and its row are written in one transaction, so a kill between commit and publish loses nothing. The row
goes when the broker has confirmed exactly its version; a newer one stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from peewee import AutoField, BigIntegerField, TextField, chunked

from cloud.database import Table, database_proxy
from shared.payloads import CLEARED

ROWS_A_STATEMENT = 500


class OutboxMessage(Table):
    """A retained message that the broker has not confirmed; the payload is empty where it is to be cleared."""

    topic = TextField(primary_key=True)
    payload = TextField()
    version = BigIntegerField(unique=True)


class OutboxSequence(Table):
    """The single row that numbers publications: under the write lock, in the order of their commits."""

    id = AutoField()
    last_version = BigIntegerField()


@dataclass(frozen=True)
class Pending:
    """A row of the outbox; the payload stays out of ``repr``, since it may hold a code."""

    version: int
    topic: str
    payload: bytes = field(repr=False)


def enqueue(messages: Sequence[tuple[str, bytes]]) -> None:
    """Have the broker told these (topic, payload) pairs; the latest for a topic wins.

    Call it inside the write transaction of the change that it tells of.
    """
    if not messages:
        return
    numbering = OutboxSequence.update(last_version=OutboxSequence.last_version + len(messages))
    (counter,) = numbering.returning(OutboxSequence.last_version).execute()
    first = counter.last_version - len(messages) + 1
    rows = [
        {"topic": topic, "payload": payload.decode(), "version": version}
        for version, (topic, payload) in enumerate(messages, first)
    ]
    for chunk in chunked(rows, ROWS_A_STATEMENT):
        insert = OutboxMessage.insert_many(chunk)
        insert.on_conflict(
            conflict_target=[OutboxMessage.topic], preserve=[OutboxMessage.payload, OutboxMessage.version]
        ).execute()


def enqueue_clearing(topic: str) -> None:
    """Have the broker forget what it retains on a topic; inside the change's transaction, as `enqueue`."""
    enqueue([(topic, CLEARED)])


def pending(after: int, limit: int) -> list[Pending]:
    """Return up to ``limit`` rows whose version is above ``after``, oldest first."""
    rows = (
        OutboxMessage.select(OutboxMessage.version, OutboxMessage.topic, OutboxMessage.payload)
        .where(OutboxMessage.version > after)
        .order_by(OutboxMessage.version)
        .limit(limit)
        .tuples()
    )
    return [Pending(version, topic, payload.encode()) for version, topic, payload in rows]


def newest_version() -> int:
    """Return the highest version in the outbox, 0 where it is empty: a cheap look for what is new.

    The daemon asks this many times a second; written out, it takes a twenty-fifth of what building the query would.
    """
    (newest,) = database_proxy.execute_sql("SELECT COALESCE(MAX(version), 0) FROM outbox_message").fetchone()
    return int(newest)


def remove(versions: Iterable[int]) -> None:
    """Remove the rows of exactly these versions: the broker has confirmed them."""
    for chunk in chunked(versions, ROWS_A_STATEMENT):
        OutboxMessage.delete().where(OutboxMessage.version.in_(list(chunk))).execute()
