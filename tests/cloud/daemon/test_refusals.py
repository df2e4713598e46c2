"""Refused messages: kept, reported and retried."""

from itertools import pairwise

import pytest

from cloud.daemon.mqtt_link import WINDOW
from cloud.daemon.publisher import WORTHWHILE
from cloud.daemon.refusals import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, RETRIES_A_SECOND
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.reasons import NOT_AUTHORIZED
from cloud.store import broker_faults, outbox
from tests.cloud.conftest import NOW
from tests.support.publishing import HandPlayed, enqueue, faults, refuse_all

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def broker() -> HandPlayed:
    return HandPlayed()


def test_refused_messages_are_kept_and_logged_once(broker: HandPlayed, caplog: pytest.LogCaptureFixture) -> None:
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


def test_once_the_broker_accepts_them_all_are_published_without_a_pause(
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


def test_a_refused_message_delays_no_other(broker: HandPlayed) -> None:
    refuse_all(broker, 1)
    for number in range(2, 6):
        enqueue((f"other {number}", b"y"))
        broker.pump()
        assert broker.numbers() == [number]
        broker.accept(number)
        broker.pump()
        broker.taken.clear()
    assert [each.version for each in outbox.pending(0, WINDOW)] == [1]


def test_a_refused_message_with_a_newer_version_is_not_published(broker: HandPlayed) -> None:
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


def test_faults_of_an_earlier_daemon_are_cleared_once_all_is_published(broker: HandPlayed) -> None:
    broker_faults.record({NOT_AUTHORIZED: 7}, NOW, lambda: True)
    enqueue(("a", b"1"))
    broker.pump()
    assert faults() == {NOT_AUTHORIZED: 7}
    broker.accept(1)
    broker.pump()
    assert faults() == {}


def test_what_another_daemon_wrote_of_refusals_is_corrected(broker: HandPlayed) -> None:
    enqueue(("a", b"1"))
    broker.pump()
    broker.refuse(NOT_AUTHORIZED, 1)
    broker.pump(seconds=2.0)
    broker_faults.record({}, NOW, lambda: True)  # the other one leads, and all is well; then this one leads again
    broker.start_over()
    broker.pump()
    broker.refuse(NOT_AUTHORIZED, 1)
    broker.pump(seconds=2.0)
    assert faults() == {NOT_AUTHORIZED: 1}


def test_the_accepted_part_of_a_backlog_is_published_in_one_round(broker: HandPlayed) -> None:
    """The oldest stay refused; those behind them must not wait for a pause per portion."""
    bad, count = 4 * WORTHWHILE, 8 * WORTHWHILE
    refuse_all(broker, WINDOW)
    enqueue(*((f"later {number}", b"x") for number in range(count - WINDOW)))
    while broker.monotonic < 100 or broker.taken:
        broker.refuse(NOT_AUTHORIZED, *broker.numbers())
        broker.taken.clear()
        broker.pump(seconds=0.5)
    mended_at = broker.monotonic
    while outbox.pending(bad, 1):
        numbers = broker.numbers()
        broker.taken.clear()
        broker.accept(*(number for number in numbers if number > bad))
        broker.refuse(NOT_AUTHORIZED, *(number for number in numbers if number <= bad))
        broker.pump(seconds=0.5)
        assert broker.monotonic < mended_at + LONGEST_PAUSE_SECONDS + 10
    assert len(outbox.pending(0, count)) == bad


def test_a_broker_that_goes_on_refusing_a_backlog_is_not_flooded(broker: HandPlayed) -> None:
    count, tried = 8 * WORTHWHILE, 0
    enqueue(*((f"topic {number}", b"x") for number in range(count)))
    while broker.monotonic < 45:
        broker.pump(seconds=0.1)
        assert len(broker.taken) <= WINDOW
        tried += len(broker.taken)
        broker.refuse(NOT_AUTHORIZED, *broker.numbers())
        broker.taken.clear()
    assert count < tried <= count + broker.monotonic * RETRIES_A_SECOND
