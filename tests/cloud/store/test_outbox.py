"""The outbox keeps what the broker has not confirmed, and nothing else."""

import sys

import pytest

from cloud.db.database import write_transaction
from cloud.store import outbox
from cloud.store.outbox import OutboxMessage, Pending
from tests.support.loop import WITHDRAWN

pytestmark = pytest.mark.usefixtures("database")


def enqueue(*messages: tuple[str, bytes]) -> None:
    with write_transaction():
        versions = range(outbox.reserve(len(messages)), sys.maxsize)
        outbox.put([Pending(version, *message) for version, message in zip(versions, messages, strict=False)])


def test_versions_grow_and_the_oldest_comes_first() -> None:
    enqueue(("a", b"1"), ("b", b"2"))
    enqueue(("c", b"3"))
    assert outbox.pending(after=0, limit=10) == [Pending(1, "a", b"1"), Pending(2, "b", b"2"), Pending(3, "c", b"3")]
    assert outbox.pending(after=1, limit=1) == [Pending(2, "b", b"2")]
    assert outbox.newest_version() == 3


def test_the_latest_message_for_a_topic_wins() -> None:
    enqueue(("a", b"old"), ("b", b"2"))
    enqueue(("a", b"new"))
    assert outbox.pending(after=0, limit=10) == [Pending(2, "b", b"2"), Pending(3, "a", b"new")]


def test_a_confirmation_removes_exactly_its_version() -> None:
    enqueue(("a", b"old"))
    enqueue(("a", b"new"))
    outbox.remove([1])
    assert outbox.pending(after=0, limit=10) == [Pending(2, "a", b"new")]
    outbox.remove([2])
    assert outbox.pending(after=0, limit=10) == []
    assert outbox.newest_version() == 0


def test_what_lies_between_confirmed_versions_stays() -> None:
    enqueue(*((f"topic {number}", b"x") for number in range(8)))
    outbox.remove({7, 1, 2, 4, 8})
    assert [row.version for row in outbox.pending(after=0, limit=10)] == [3, 5, 6]
    outbox.remove([])
    assert [row.version for row in outbox.pending(after=0, limit=10)] == [3, 5, 6]


def test_versions_are_never_used_again() -> None:
    enqueue(("a", b"1"))
    outbox.remove([1])
    enqueue(("a", b"2"))
    assert outbox.newest_version() == 2


def test_an_empty_payload_of_an_earlier_release_is_published_as_a_withdrawal() -> None:
    enqueue(("a", b""), ("b", b"x"))
    assert outbox.pending(after=0, limit=10) == [Pending(1, "a", WITHDRAWN), Pending(2, "b", b"x")]


def test_thousands_at_once() -> None:
    enqueue(*((f"topic {number}", b"x") for number in range(2500)))
    assert OutboxMessage.select().count() == 2500
    outbox.remove(range(1, 2001))
    assert [row.version for row in outbox.pending(after=0, limit=1000)] == list(range(2001, 2501))


def test_nothing_is_enqueued_when_the_change_fails() -> None:
    def fail() -> None:
        with write_transaction():
            enqueue(("a", b"1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert outbox.newest_version() == 0
