"""A flood of warnings becomes few lines, and none is lost from the count."""

import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.log_throttle import LogThrottle

log = logging.getLogger("tests.throttle")


@pytest.fixture
def throttle() -> LogThrottle:
    return LogThrottle(log, interval_seconds=60, most_kinds=3)


def test_the_first_is_logged_at_once_and_repeats_are_summed_up(
    throttle: LogThrottle, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4_214):
        throttle.warning("bad", 10.0)
    throttle.tick(69.9)
    assert caplog.messages == ["bad"]
    throttle.tick(70.0)
    assert caplog.messages == ["bad", "bad ... and 4,213 more like it in the last 60 s"]


def test_a_lasting_flood_is_one_line_an_interval(throttle: LogThrottle, caplog: pytest.LogCaptureFixture) -> None:
    for second in range(241):
        throttle.warning("bad", float(second))
    assert len(caplog.messages) == 5
    assert caplog.messages[-1] == "bad ... and 60 more like it in the last 60 s"


def test_a_warning_that_had_stopped_is_logged_again(throttle: LogThrottle, caplog: pytest.LogCaptureFixture) -> None:
    for now in (0.0, 60.0, 120.0, 180.0):
        throttle.warning("bad", now)
    assert caplog.messages == ["bad"] * 4


def test_different_warnings_do_not_hide_each_other(throttle: LogThrottle, caplog: pytest.LogCaptureFixture) -> None:
    for text in ("a", "b", "a", "c"):
        throttle.warning(text, 0.0)
    assert caplog.messages == ["a", "b", "c"]


def test_what_is_always_different_is_counted_together(throttle: LogThrottle, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(10_000):
        throttle.warning(f"bad {number}", 0.0)
    throttle.tick(60.0)
    assert caplog.messages == ["bad 0", "bad 1", "bad 2", "... and 9,997 other such warnings in the last 60 s"]


def test_the_counts_are_logged_at_the_end_of_the_program(
    throttle: LogThrottle, caplog: pytest.LogCaptureFixture
) -> None:
    throttle.finish(0.0)
    throttle.warning("bad", 0.0)
    throttle.warning("bad", 1.0)
    throttle.finish(2.0)
    throttle.finish(3.0)
    assert caplog.messages == ["bad", "bad ... and 1 more like it in the last 2 s"]


def test_a_fault_in_the_program_brings_its_traceback_once(
    throttle: LogThrottle, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        throttle.warning("fault", 0.0, ZeroDivisionError("why"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_a_percent_sign_is_only_a_character(throttle: LogThrottle, caplog: pytest.LogCaptureFixture) -> None:
    throttle.warning("100 %s", 0.0)
    throttle.warning("100 %s", 0.0)
    throttle.finish(0.0)
    assert caplog.messages == ["100 %s", "100 %s ... and 1 more like it in the last 1 s"]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 30))))
def test_lines_and_counts_add_up_to_what_came(events: list[tuple[str, float]]) -> None:
    lines: list[str] = []
    # A logger of its own, since caplog lives for all examples.
    plain = logging.Logger("plain")
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    plain.addHandler(handler)
    throttle, now = LogThrottle(plain, interval_seconds=60, most_kinds=3), 0.0
    for text, pause in events:
        now += pause
        throttle.warning(text, now)
    throttle.finish(now)
    told = sum(int(found[1]) if (found := re.search(r"and (\d+)", line)) else 1 for line in lines)
    assert told == len(events)
