"""The publisher: from the outbox to a connection that comes and goes."""

import sys
from itertools import pairwise

import pytest

from cloud import broker_faults, outbox
from cloud.broker_faults import Fault
from cloud.daemon.link import MARK, STATE, WINDOW
from cloud.daemon.publisher import WORTHWHILE, Publisher
from cloud.daemon.refusals import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from cloud.database import write_transaction
from cloud.mqtt.protocol import Outcomes
from cloud.mqtt.reasons import NO_RETAIN, NOT_AUTHORIZED
from cloud.outbox import Pending
from shared.messages import Publication
from shared.payloads import decode_high_water_mark
from tests.cloud.conftest import NOW
from tests.support.healing import our_mark
from tests.support.publishing import HandPlayed

pytestmark = pytest.mark.usefixtures("database")


def enqueue(*messages: tuple[str, bytes]) -> None:
    with write_transaction():
        versions = range(outbox.reserve(len(messages)), sys.maxsize)
        outbox.put([Pending(version, *message) for version, message in zip(versions, messages, strict=False)])


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


def test_a_row_stays_until_it_is_confirmed(publisher: Publisher, broker: HandPlayed) -> None:
    enqueue(("a", b"1"))
    broker.pump()
    assert outbox.newest_version() == 1
    assert not publisher.idle
    broker.accept(1)
    broker.pump()
    assert outbox.newest_version() == 0
    assert publisher.idle


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


def test_a_new_connection_is_told_all_that_is_unconfirmed(publisher: Publisher, broker: HandPlayed) -> None:
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


def faults() -> dict[int, int]:
    return {fault.reason: fault.messages for fault in broker_faults.current()}


def refuse_all(broker: HandPlayed, count: int, reason: int = NOT_AUTHORIZED) -> None:
    """Have so many messages published for the first time, and refused."""
    enqueue(*((f"topic {number}", b"x") for number in range(count)))
    broker.pump()
    broker.refuse(reason, *broker.numbers())
    broker.taken.clear()


def test_what_is_refused_is_kept_and_said_once(broker: HandPlayed, caplog: pytest.LogCaptureFixture) -> None:
    refuse_all(broker, 3)
    broker.pump(seconds=0.1)
    assert len(outbox.pending(0, WINDOW)) == 3
    assert broker.taken == []
    assert broker.publisher.idle
    assert faults() == {NOT_AUTHORIZED: 3}
    (said,) = [line for line in caplog.messages if "refuses" in line]
    assert "not authorized" in said
    assert "acl_file" in said
    for _ in range(20):
        broker.pump(LONGEST_PAUSE_SECONDS)
        broker.refuse(NOT_AUTHORIZED, *broker.numbers())
        broker.taken.clear()
    assert [line for line in caplog.messages if "refuses" in line] == [said]
    assert faults() == {NOT_AUTHORIZED: 3}


def test_what_is_refused_is_tried_again_at_growing_pauses(broker: HandPlayed) -> None:
    refuse_all(broker, 1)
    tried_at: list[float] = []
    while broker.monotonic < 600:
        broker.pump(seconds=1.0)
        if broker.taken:
            tried_at.append(broker.monotonic)
            broker.refuse(NOT_AUTHORIZED, 1)
            broker.taken.clear()
    pauses = [later - earlier for earlier, later in pairwise(tried_at)]
    assert tried_at[0] == pytest.approx(FIRST_PAUSE_SECONDS, abs=2)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_SECONDS, abs=2)


def test_once_the_broker_accepts_them_all_are_told_without_a_pause(
    broker: HandPlayed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    count = 3 * WORTHWHILE
    refuse_all(broker, count)
    broker.pump(LONGEST_PAUSE_SECONDS)
    for _ in range(10):
        broker.accept(*broker.numbers())
        broker.taken.clear()
        broker.pump()
    assert outbox.newest_version() == 0
    broker.pump(seconds=1.0)
    assert faults() == {}
    assert "The broker accepts all messages again" in caplog.messages


def test_one_that_is_refused_is_in_nobodys_way(broker: HandPlayed) -> None:
    refuse_all(broker, 1)
    for number in range(2, 6):
        enqueue((f"other {number}", b"y"))
        broker.pump()
        assert broker.numbers() == [number]
        broker.accept(number)
        broker.pump()
        broker.taken.clear()
    assert [each.version for each in outbox.pending(0, WINDOW)] == [1]


def test_what_was_refused_and_has_a_newer_version_is_not_told_as_it_was(broker: HandPlayed) -> None:
    refuse_all(broker, 1)
    enqueue(("topic 0", b"newer"))
    broker.pump()
    broker.accept(2)
    for _ in range(5):
        broker.pump(LONGEST_PAUSE_SECONDS)
    assert broker.payloads() == [b"newer"]
    assert faults() == {}


def test_what_was_refused_for_too_many_under_way_is_published_again_at_once(broker: HandPlayed) -> None:
    enqueue(*((f"topic {number}", b"x") for number in range(10)))
    broker.pump()
    broker.publisher.conclude(Outcomes(accepted=[1, 2, 3], over_quota=[4, 5, 6, 7, 8, 9, 10]), broker.monotonic)
    broker.taken.clear()
    broker.pump()
    assert broker.numbers() == [4, 5, 6, 7, 8, 9, 10]
    assert faults() == {}


def test_on_a_new_connection_all_is_tried_at_once_and_the_fault_stays_until_it_is_mended(broker: HandPlayed) -> None:
    refuse_all(broker, 2)
    broker.pump()
    broker.start_over()
    broker.pump(seconds=2.0)
    assert broker.numbers() == [1, 2]
    assert faults() == {NOT_AUTHORIZED: 2}
    broker.accept(1, 2)
    broker.pump(seconds=2.0)
    broker.pump(seconds=2.0)
    assert faults() == {}


def test_faults_of_an_earlier_daemon_are_forgotten_once_all_is_told(broker: HandPlayed) -> None:
    broker_faults.record({NOT_AUTHORIZED: 7}, NOW)
    enqueue(("a", b"1"))
    broker.pump()
    assert faults() == {NOT_AUTHORIZED: 7}
    broker.accept(1)
    broker.pump()
    assert faults() == {}


def test_a_mark_that_is_refused_is_named_and_tried_again(broker: HandPlayed, publisher: Publisher) -> None:
    publisher.take_over_mark(our_mark)
    broker.pump()
    broker.refuse(NOT_AUTHORIZED, MARK)
    broker.pump(seconds=1.0)
    assert faults() == {NOT_AUTHORIZED: 1}
    assert publisher.idle
    broker.pump(LONGEST_PAUSE_SECONDS)
    assert broker.numbers() == [MARK, MARK]
    broker.accept(MARK)
    broker.pump(seconds=2.0)
    assert faults() == {}


def test_the_daemon_s_state_is_published_again_when_it_was_refused(broker: HandPlayed) -> None:
    broker.refuse(NOT_AUTHORIZED, STATE)
    broker.pump(seconds=1.0)
    assert faults() == {NOT_AUTHORIZED: 1}
    broker.pump(LONGEST_PAUSE_SECONDS)
    assert broker.payloads() == [b"1"]
    assert faults() == {NOT_AUTHORIZED: 1}  # until it is accepted
    broker.refuse(NOT_AUTHORIZED, STATE)
    broker.pump(seconds=2.0)
    assert (faults(), len(broker.taken)) == ({NOT_AUTHORIZED: 1}, 1)
    broker.pump(LONGEST_PAUSE_SECONDS)
    broker.accept(STATE)
    broker.pump(seconds=2.0)
    assert faults() == {}


def test_the_daemon_s_own_messages_are_published_again_when_the_broker_had_no_room(
    broker: HandPlayed, publisher: Publisher
) -> None:
    publisher.take_over_mark(our_mark)
    broker.pump()
    assert broker.numbers() == [MARK]
    publisher.conclude(Outcomes(over_quota=[MARK, STATE]), broker.monotonic)
    broker.pump()
    assert sorted(broker.numbers()) == sorted([MARK, STATE, MARK])
    broker.accept(MARK, STATE)
    broker.pump()
    assert publisher.idle
    assert faults() == {}


def test_what_another_daemon_wrote_of_refusals_is_corrected(broker: HandPlayed, publisher: Publisher) -> None:
    enqueue(("a", b"1"))
    broker.pump()
    broker.refuse(NOT_AUTHORIZED, 1)
    broker.pump(seconds=2.0)
    broker_faults.record({}, NOW)  # the other one leads, and all is well; then this one leads again
    broker.start_over()
    broker.pump()
    broker.refuse(NOT_AUTHORIZED, 1)
    broker.pump(seconds=2.0)
    assert faults() == {NOT_AUTHORIZED: 1}


def test_a_broker_that_lets_nobody_in_is_named_until_it_does(broker: HandPlayed, publisher: Publisher) -> None:
    broker.lost = True
    publisher.refusals.turned_away(NO_RETAIN)
    broker.pump()
    assert broker_faults.current() == [Fault(NO_RETAIN, 0)]
    broker.lost = False
    broker.start_over()
    broker.accept(STATE)
    broker.pump(seconds=2.0)
    assert broker_faults.current() == []
