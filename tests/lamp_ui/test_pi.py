"""The whole program with a Pi's backlight and button, as far as files and mock pins can stand for them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lamp_ui.conftest import DEVICE_ID
from tests.support.broker import Mosquitto
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    light = tmp_path / "backlight" / "10-0045"
    light.mkdir(parents=True)
    (light / "max_brightness").write_text("255\n")
    (light / "brightness").write_text("200\n")
    return light / "brightness"


@pytest.fixture
def lamp(broker: Mosquitto, tmp_path: Path, brightness: Path) -> Iterator[Touchscreen]:
    settings: dict[str, str | None] = {"LAMPI_DIM_AFTER_SECONDS": "4"}
    program = ("tests.support.pi", str(brightness.parent.parent))
    with Touchscreen(tmp_path / "lamp", broker, DEVICE_ID, settings=settings, program=program) as touchscreen:
        yield touchscreen


def test_the_backlight_dims_and_the_picture_stays(lamp: Touchscreen, brightness: Path) -> None:
    lamp.wait_for_text("Waiting for the cloud")
    lit = lamp.screen.grab()
    wait_until(lambda: int(brightness.read_text() or 200) < 60, "the backlight to go down")
    assert lamp.screen.grab() == lit
    lamp.screen.touch(120, 34)
    wait_until(lambda: brightness.read_text() == "200", "the backlight to come up")
    wait_until(lambda: int(brightness.read_text() or 200) < 60, "the backlight to go down again")
    lamp.stop()
    assert brightness.read_text() == "200"


def test_the_button_held_opens_the_status_page_and_closes_it(lamp: Touchscreen) -> None:
    lamp.wait_for_text("Waiting for the cloud")
    lamp.send(signal.SIGUSR1)
    lamp.wait_for_text("Network")
    lamp.send(signal.SIGUSR1)
    lamp.wait_for_main_screen()
