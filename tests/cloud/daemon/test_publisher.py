"""The publisher: from the outbox to a connection that comes and goes."""

import sys

import pytest

from cloud import outbox
from cloud.daemon.publisher import WINDOW, WORTHWHILE, Publisher
from cloud.database import write_transaction
from cloud.outbox import Pending
from shared.messages import Publication
from shared.payloads import decode_high_water_mark
from tests.support.healing import our_mark

pytestmark = pytest.mark.usefixtures("database")


class Connection:
    """Stands for the link: takes what is published, gives it a number, or is lost."""

    def __init__(self) -> None:
        self.taken: list[Publication] = []
        self.lost = False
        self._number = 0

    def publish(self, publication: Publication) -> int | None:
        if self.lost:
            return None
        self._number += 1
        self.taken.append(publication)
        return self._number

    def payloads(self) -> list[bytes]:
        return [publication.payload for publication in self.taken]


def enqueue(*messages: tuple[str, bytes]) -> None:
    with write_transaction():
        versions = range(outbox.reserve(len(messages)), sys.maxsize)
        outbox.put([Pending(version, *message) for version, message in zip(versions, messages, strict=False)])


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def publisher(connection: Connection) -> Publisher:
    return Publisher(connection.publish)


def test_publishes_once_retained_at_qos_2(publisher: Publisher, connection: Connection) -> None:
    enqueue(("a", b"1"))
    publisher.pump()
    publisher.pump()
    assert connection.taken == [Publication("a", b"1", qos=2, retain=True)]


def test_a_row_stays_until_it_is_confirmed(publisher: Publisher) -> None:
    enqueue(("a", b"1"))
    publisher.pump()
    assert outbox.newest_version() == 1
    assert not publisher.idle
    publisher.confirm(1)
    publisher.pump()
    assert outbox.newest_version() == 0
    assert publisher.idle


def test_a_newer_version_stays_when_the_older_is_confirmed(publisher: Publisher, connection: Connection) -> None:
    enqueue(("a", b"old"))
    publisher.pump()
    enqueue(("a", b"new"))
    publisher.confirm(1)
    publisher.pump()
    assert connection.payloads() == [b"old", b"new"]
    assert outbox.newest_version() == 2
    publisher.confirm(2)
    publisher.pump()
    assert outbox.newest_version() == 0


def test_a_new_connection_is_told_all_that_is_unconfirmed(publisher: Publisher, connection: Connection) -> None:
    enqueue(("a", b"1"), ("b", b"2"))
    publisher.pump()
    publisher.confirm(1)
    publisher.start_over()
    publisher.pump()
    assert connection.payloads() == [b"1", b"2", b"1", b"2"]


def test_a_confirmation_from_an_older_connection_means_nothing(publisher: Publisher) -> None:
    enqueue(("a", b"1"))
    publisher.pump()
    publisher.start_over()
    publisher.confirm(1)
    publisher.pump()
    assert outbox.newest_version() == 1


def test_what_could_not_be_handed_over_is_tried_again(publisher: Publisher, connection: Connection) -> None:
    enqueue(("a", b"1"))
    connection.lost = True
    publisher.pump()
    connection.lost = False
    publisher.start_over()
    publisher.pump()
    assert connection.payloads() == [b"1"]


def test_no_more_than_the_window_is_under_way(publisher: Publisher, connection: Connection) -> None:
    enqueue(*((f"topic {number}", b"x") for number in range(WINDOW + 100)))
    for _ in range(5):
        publisher.pump()
    assert len(connection.taken) == WINDOW
    for number in range(1, WORTHWHILE + 1):
        publisher.confirm(number)
    publisher.pump()
    assert len(connection.taken) == WINDOW + 100


def test_rows_are_removed_many_at_a_time_and_none_is_left(publisher: Publisher) -> None:
    enqueue(*((f"topic {number}", b"x") for number in range(2 * WORTHWHILE)))
    publisher.pump()
    for number in range(1, WORTHWHILE):
        publisher.confirm(number)
    publisher.pump()
    assert len(outbox.pending(0, WINDOW)) == 2 * WORTHWHILE
    publisher.confirm(WORTHWHILE)
    publisher.pump()
    assert len(outbox.pending(0, WINDOW)) == WORTHWHILE
    for number in range(WORTHWHILE + 1, 2 * WORTHWHILE + 1):
        publisher.confirm(number)
        publisher.pump()
    assert outbox.newest_version() == 0
    assert publisher.idle


def test_the_mark_follows_what_is_confirmed_and_only_once_it_is_ours(
    publisher: Publisher, connection: Connection
) -> None:
    enqueue(("a", b"1"))
    publisher.pump()
    publisher.confirm(1)
    publisher.pump()
    assert connection.payloads() == [b"1"]
    publisher.take_over_mark(our_mark)
    publisher.pump()
    assert decode_high_water_mark(connection.payloads()[-1]) == our_mark(1)
    publisher.confirm(2)
    enqueue(("a", b"2"))
    publisher.pump()
    publisher.pump()
    assert connection.payloads()[2:] == [b"2"]


def test_on_a_new_connection_the_mark_is_left_until_it_was_read(publisher: Publisher, connection: Connection) -> None:
    publisher.take_over_mark(our_mark)
    publisher.start_over()
    enqueue(("a", b"1"))
    publisher.pump()
    publisher.confirm(1)
    publisher.pump()
    assert connection.payloads() == [b"1"]


def test_it_is_not_idle_before_the_mark_is_confirmed(publisher: Publisher) -> None:
    publisher.take_over_mark(our_mark)
    assert not publisher.idle
    publisher.pump()
    assert not publisher.idle
    publisher.confirm(1)
    assert publisher.idle
