"""A background thread goes on, whatever its work raises."""

import logging
import queue
import threading

import pytest

from shared import background
from shared.background import BackgroundThread
from tests.support.waiting import DEADLINE_SECONDS, wait_until


def test_work_is_repeated_until_the_stop() -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    ended = threading.Event()

    def work() -> float:
        done.put(1)
        return 0.0

    thread = BackgroundThread("test", work, at_end=ended.set)
    thread.start()
    for _ in range(3):
        done.get(timeout=DEADLINE_SECONDS)
    thread.stop(DEADLINE_SECONDS)
    assert ended.is_set()
    assert thread.failures == 0


def test_an_error_is_logged_once_and_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "FIRST_PAUSE_SECONDS", 0.01)
    may_work = threading.Event()
    tries: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work() -> float:
        tries.put(1)
        if not may_work.is_set():
            raise ZeroDivisionError
        return 0.01

    thread = BackgroundThread("test", work)
    thread.start()
    for _ in range(4):
        tries.get(timeout=DEADLINE_SECONDS)
    assert thread.failures >= 3
    may_work.set()
    wait_until(lambda: thread.failures == 0, "the work to succeed")
    thread.stop(DEADLINE_SECONDS)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.message for record in errors] == ["Internal error in the background thread test, retrying"]
    assert errors[0].exc_info is not None


def test_a_stop_ends_a_pause() -> None:
    worked, ended = threading.Event(), threading.Event()

    def work() -> float:
        worked.set()
        return 3600.0

    thread = BackgroundThread("test", work, at_end=ended.set)
    thread.start()
    assert worked.wait(DEADLINE_SECONDS)
    thread.stop(DEADLINE_SECONDS)
    assert ended.is_set()
