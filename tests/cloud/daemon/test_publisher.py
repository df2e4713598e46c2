"""The publisher: from the outbox to the broker, across reconnects."""

import pytest

from cloud.daemon.mqtt_link import MARK, WINDOW
from cloud.daemon.publisher import WORTHWHILE, Publisher
from cloud.db.database import write_transaction
from cloud.store import outbox
from shared.mqtt.messages import Publication
from shared.protocol.payloads import decode_high_water_mark
from tests.support.loop import ASSOCIATED, WITHDRAWN
from tests.support.publishing import HandPlayed, enqueue
from tests.support.replay import our_mark

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def broker() -> HandPlayed:
    return HandPlayed()


@pytest.fixture
def publisher(broker: HandPlayed) -> Publisher:
    return broker.publisher


def test_publishes_once_retained_at_qos_2(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"1"))
    broker.pump()
    broker.pump()
    assert broker.taken == [(1, Publication("a", b"1", qos=2, retain=True))]


def test_only_a_withdrawn_message_expires(broker: HandPlayed) -> None:
    enqueue(("a", WITHDRAWN), ("b", ASSOCIATED))
    broker.pump()
    assert [publication.expiry_seconds for _, publication in broker.taken] == [60, None]


def test_a_row_stays_until_it_is_confirmed(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"1"))
    broker.pump()
    assert outbox.newest_version() == 1
    assert not publisher.idle
    broker.accept(1)
    broker.pump()
    assert outbox.newest_version() == 0
    assert publisher.idle


def test_rows_whose_removal_a_database_lost_are_published_again(publisher: Publisher, broker: HandPlayed) -> None:
    """PostgreSQL that crashes has lost the last removals, which don't wait for its disk."""
    enqueue(("a", b"1"), ("b", b"2"))
    broker.pump()
    removed = outbox.pending(after=0, limit=2)
    broker.accept(1, 2)
    broker.pump()
    assert outbox.newest_version() == 0
    with write_transaction():
        outbox.put(removed)
    broker.pump()
    broker.pump()
    assert broker.numbers() == [1, 2, 1, 2]
    broker.accept(1, 2)
    for _ in range(3):
        broker.pump()
    assert outbox.newest_version() == 0
    assert publisher.idle
    assert broker.numbers() == [1, 2, 1, 2]


def test_a_newer_version_stays_when_the_older_is_confirmed(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"old"))
    broker.pump()
    enqueue(("a", b"new"))
    broker.accept(1)
    broker.pump()
    assert broker.payloads() == [b"old", b"new"]
    assert outbox.newest_version() == 2
    broker.accept(2)
    broker.pump()
    assert outbox.newest_version() == 0


def test_all_unconfirmed_messages_are_published_on_a_new_connection(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"1"), ("b", b"2"))
    broker.pump()
    broker.accept(1)
    broker.start_over()
    broker.pump()
    assert broker.payloads() == [b"1", b"2", b"1", b"2"]


def test_a_confirmation_from_an_older_connection_means_nothing(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"1"))
    broker.pump()
    broker.start_over()
    broker.accept(1)
    broker.pump()
    assert outbox.newest_version() == 1


def test_what_could_not_be_handed_over_is_tried_again(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"1"))
    broker.lost = True
    broker.pump()
    broker.lost = False
    broker.start_over()
    broker.pump()
    assert broker.payloads() == [b"1"]


def test_no_more_than_the_window_is_under_way(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(*((f"topic {number}", b"x") for number in range(WINDOW + 100)))
    for _ in range(5):
        broker.pump()
    assert len(broker.taken) == WINDOW
    for number in range(1, WORTHWHILE + 1):
        broker.accept(number)
    broker.pump()
    assert len(broker.taken) == WINDOW + 100


def test_rows_are_removed_many_at_a_time_and_none_is_left(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(*((f"topic {number}", b"x") for number in range(2 * WORTHWHILE)))
    broker.pump()
    for number in range(1, WORTHWHILE):
        broker.accept(number)
    broker.pump()
    assert len(outbox.pending(0, WINDOW)) == 2 * WORTHWHILE
    broker.accept(WORTHWHILE)
    broker.pump()
    assert len(outbox.pending(0, WINDOW)) == WORTHWHILE
    for number in range(WORTHWHILE + 1, 2 * WORTHWHILE + 1):
        broker.accept(number)
        broker.pump()
    assert outbox.newest_version() == 0
    assert publisher.idle


def test_the_mark_follows_what_is_confirmed_and_only_once_it_is_ours(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"1"))
    broker.pump()
    broker.accept(1)
    broker.pump()
    assert broker.payloads() == [b"1"]
    publisher.take_over_mark(our_mark)
    broker.pump()
    assert decode_high_water_mark(broker.payloads()[-1]) == our_mark(1)
    broker.accept(MARK)
    enqueue(("a", b"2"))
    broker.pump()
    broker.pump()
    assert broker.payloads()[2:] == [b"2"]


def test_on_a_new_connection_the_mark_is_left_until_it_was_read(publisher: Publisher, broker: HandPlayed) -> None:
    publisher.take_over_mark(our_mark)
    broker.start_over()
    enqueue(("a", b"1"))
    broker.pump()
    broker.accept(1)
    broker.pump()
    assert broker.payloads() == [b"1"]


def test_it_is_not_idle_before_the_mark_is_confirmed(publisher: Publisher, broker: HandPlayed) -> None:
    publisher.take_over_mark(our_mark)
    assert not publisher.idle
    broker.pump()
    assert not publisher.idle
    broker.accept(MARK)
    assert publisher.idle
