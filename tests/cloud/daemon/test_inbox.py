"""The inbox: its size is bounded, and no thread waits forever."""

import threading
import time
from collections.abc import Callable

import pytest

from cloud.daemon.inbox import ConnectionChanged, Dropped, Inbox, Outcome, Presence
from cloud.mqtt.listener import Session
from cloud.mqtt.outcomes import Outcomes
from tests.support.waiting import DEADLINE_SECONDS

UP = Presence("b827ebba0387", True, False)
SESSION = Session()


def outcome(number: int) -> Outcome:
    return Outcome(SESSION, Outcomes(accepted=[number]))


@pytest.fixture
def full() -> Inbox:
    inbox = Inbox()
    for _ in range(Inbox.MOST_WAITING):
        inbox.put_patiently([UP])
    return inbox


def started(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_events_come_in_order_and_no_more_than_asked_for() -> None:
    inbox = Inbox()
    for number in range(5):
        inbox.put(Dropped(number))
    assert inbox.take(0, 3) == [Dropped(0), Dropped(1), Dropped(2)]
    assert inbox.take(0, 3) == [Dropped(3), Dropped(4)]
    assert inbox.take(0, 3) == []


def test_outcomes_come_before_all_else_and_all_of_them(full: Inbox) -> None:
    for number in range(5):
        full.put(outcome(number))
    assert full.take(0, 3) == [*(outcome(number) for number in range(5)), UP, UP, UP]
    assert full.take(0, 1) == [UP]


def test_outcomes_come_after_their_connection_and_before_its_presence() -> None:
    inbox = Inbox()
    inbox.put(outcome(1))
    inbox.put_patiently([UP])
    inbox.put(ConnectionChanged(None))
    inbox.put(ConnectionChanged(SESSION))
    inbox.put_patiently([UP])
    inbox.put(outcome(2))
    inbox.put(outcome(3))
    assert inbox.take(0, 4) == [outcome(1), UP, ConnectionChanged(None), ConnectionChanged(SESSION), outcome(2)]
    inbox.put(outcome(4))
    assert inbox.take(0, 1) == [outcome(3)]
    assert inbox.take(0, 1) == [outcome(4)]
    inbox.put(outcome(5))
    assert inbox.take(0, 1) == [outcome(5), UP]


def test_waiting_threads_are_woken() -> None:
    inbox = Inbox()
    for event in (UP, outcome(1)):
        threading.Timer(0.05, inbox.put, [event]).start()
        assert inbox.take(DEADLINE_SECONDS, 10) == [event]


def test_a_wait_can_be_ended_without_an_event() -> None:
    inbox = Inbox()
    threading.Timer(0.05, inbox.wake).start()
    began = time.monotonic()
    assert inbox.take(DEADLINE_SECONDS) == []
    assert time.monotonic() - began < DEADLINE_SECONDS / 2
    inbox.wake()  # before anybody waits
    assert inbox.take(DEADLINE_SECONDS) == []
    assert time.monotonic() - began < DEADLINE_SECONDS / 2


def test_it_is_crowded_where_more_waits_than_is_taken_at_once() -> None:
    inbox = Inbox()
    for _ in range(Inbox.MOST_AT_ONCE):
        inbox.put(UP)
    assert not inbox.is_crowded
    inbox.put(UP)
    assert inbox.is_crowded
    inbox.take(0)
    assert not inbox.is_crowded


def test_presence_waits_for_space(full: Inbox) -> None:
    storm = started(lambda: full.put_patiently([UP]))
    storm.join(0.2)
    assert storm.is_alive()
    assert len(full.take(0, 1)) == 1
    storm.join(DEADLINE_SECONDS)
    assert not storm.is_alive()
    assert len(full.take(0, 10**6)) == Inbox.MOST_WAITING


def test_an_outcome_never_waits(full: Inbox) -> None:
    """The publisher would run dry behind a storm."""
    full.put(outcome(1))
    assert full.take(0, 1) == [outcome(1), UP]


def test_no_thread_waits_for_space_after_close(full: Inbox) -> None:
    storm = started(lambda: full.put_patiently([UP]))
    full.close()
    storm.join(DEADLINE_SECONDS)
    assert not storm.is_alive()
