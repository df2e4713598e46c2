"""The button on the case: what counts as holding it, and which GPIO line it is, on a fake of gpiod's chip."""

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import gpiod
import pytest
from gpiod.line import Bias, Direction, Edge

from lamp_ui.core.hold import Hold
from lamp_ui.platform.button import HEADER_CHIPS, STATUS_BUTTON_GPIO, Button, NoButton
from lamp_ui.platform.hardware import LampHardware
from tests.support.gpio import BUSY, FakeChip, make_chip
from tests.support.waiting import wait_until

MS = 1_000_000


@pytest.fixture
def chips(monkeypatch: pytest.MonkeyPatch) -> type[FakeChip]:
    """Have gpiod open fake chips."""
    monkeypatch.setattr(gpiod, "Chip", FakeChip)
    monkeypatch.setattr(FakeChip, "requests", [], raising=False)
    return FakeChip


@pytest.fixture
def held() -> threading.Semaphore:
    """Count how often the button was held."""
    return threading.Semaphore(0)


@pytest.fixture
def button(tmp_path: Path, chips: type[FakeChip], held: threading.Semaphore) -> Iterator[Button]:
    make_chip(tmp_path)
    watched = Button(held.release, tmp_path)
    watched.start()
    yield watched
    watched.stop()


def test_a_press_counts_once_it_has_lasted_long_enough() -> None:
    hold = Hold(0.7)
    assert hold.seconds_left(0) is None
    hold.press(100 * MS)
    assert hold.seconds_left(200 * MS) == pytest.approx(0.6)
    assert not hold.expire(799 * MS)
    assert hold.expire(800 * MS)
    assert not hold.expire(2000 * MS)
    assert hold.seconds_left(2000 * MS) is None


def test_a_short_press_does_not_count_and_presses_do_not_add_up() -> None:
    hold = Hold(0.7)
    for pressed_at in range(0, 3000, 600):
        hold.press(pressed_at * MS)
        assert not hold.release((pressed_at + 500) * MS)
        assert not hold.expire((pressed_at + 599) * MS)
    assert not hold.expire(10_000 * MS)


def test_a_release_that_is_read_late_ends_a_press_that_was_long_enough() -> None:
    hold = Hold(0.7)
    hold.press(0)
    assert hold.release(700 * MS)
    assert not hold.release(1400 * MS)


def test_a_contact_that_bounces_starts_the_press_over() -> None:
    hold = Hold(0.7)
    for bounced_at in (0, 30, 60):
        hold.press(bounced_at * MS)
        hold.release((bounced_at + 10) * MS)
    hold.press(90 * MS)
    assert not hold.expire(700 * MS)
    assert hold.expire(790 * MS)


def test_a_release_that_was_lost_starts_the_press_over() -> None:
    hold = Hold(0.7)
    hold.press(0)
    hold.press(500 * MS)
    assert not hold.expire(700 * MS)


def test_the_line_is_pulled_up_active_low_and_debounced(button: Button, chips: type[FakeChip]) -> None:
    ((line, settings),) = chips.requests[0].settings.items()
    assert (line, settings.direction, settings.edge_detection) == (STATUS_BUTTON_GPIO, Direction.INPUT, Edge.BOTH)
    assert (settings.bias, settings.active_low) == (Bias.PULL_UP, True)
    assert 0.005 <= settings.debounce_period.total_seconds() <= 0.05


def test_each_time_that_it_is_held_counts_once(
    button: Button, chips: type[FakeChip], held: threading.Semaphore
) -> None:
    (line,) = chips.requests
    for _ in range(2):
        line.press()
        assert held.acquire(timeout=10)
        line.let_go()
    assert not held.acquire(blocking=False)


def test_a_line_that_is_no_longer_pressed_was_not_held(
    button: Button, chips: type[FakeChip], held: threading.Semaphore
) -> None:
    (line,) = chips.requests
    line.press()
    line.let_go(is_reported=False)  # the kernel's buffer overflowed
    assert line.was_read.wait(10)
    line.press()
    assert held.acquire(timeout=10)
    assert not held.acquire(blocking=False)


def test_stopping_ends_the_thread_and_releases_the_line(button: Button, chips: type[FakeChip]) -> None:
    assert "button" in {thread.name for thread in threading.enumerate()}
    chips.requests[0].press()
    button.stop()
    assert "button" not in {thread.name for thread in threading.enumerate()}
    assert chips.requests[0].released
    button.stop()


def test_a_chip_that_vanishes_is_one_line(
    button: Button, chips: type[FakeChip], caplog: pytest.LogCaptureFixture
) -> None:
    chips.requests[0].vanish()
    wait_until(lambda: "button" not in {thread.name for thread in threading.enumerate()}, "the thread to end")
    assert caplog.messages == ["Button on GPIO 17 stopped: [Errno 19] No such device"]


@pytest.mark.parametrize("label", HEADER_CHIPS)
def test_the_chip_behind_the_header_is_found_by_its_label(tmp_path: Path, chips: type[FakeChip], label: str) -> None:
    make_chip(tmp_path, "gpio-brcmstb@107d508500", "gpiochip0")
    make_chip(tmp_path, "refused", "gpiochip1")
    make_chip(tmp_path, label, "gpiochip4")
    button = Button(lambda: None, tmp_path)
    button.start()
    button.stop()
    assert len(chips.requests) == 1


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("refused", "gpiochip0 can't be opened; add this user to the group gpio"),
        (f"pinctrl-rp1{BUSY}", "gpiochip0: another program uses the line"),
        ("raspberrypi-exp-gpio", "no GPIO chip of a Raspberry Pi in"),
        (None, "no GPIO chip of a Raspberry Pi in"),
    ],
)
def test_without_its_line_there_is_no_button_and_one_line_says_why(
    tmp_path: Path, chips: type[FakeChip], caplog: pytest.LogCaptureFixture, label: str | None, reason: str
) -> None:
    if label is not None:
        make_chip(tmp_path, label)
    with pytest.raises(NoButton, match=reason):
        Button(lambda: None, tmp_path).start()
    caplog.set_level(logging.INFO)
    hardware = LampHardware(tmp_path, tmp_path)
    hardware.start(lambda: None)
    hardware.stop()
    assert [message.startswith("No button: ") and reason in message for message in caplog.messages] == [True]


def test_real_gpiod_refuses_what_is_no_chip(tmp_path: Path) -> None:
    make_chip(tmp_path)
    with pytest.raises(NoButton, match="gpiochip0: "):
        Button(lambda: None, tmp_path).start()


def test_without_gpiod_there_is_no_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    monkeypatch.delitem(sys.modules, "lamp_ui.platform.button")
    caplog.set_level(logging.INFO)
    hardware = LampHardware(tmp_path, tmp_path)
    hardware.start(lambda: None)
    hardware.stop()
    assert caplog.messages == ["No button: gpiod, of the extra 'pi', is not installed"]
