"""The panel's backlight and the case's button: the real code on files and pins that only look real."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from lamp_ui.hardware import STATUS_BUTTON_GPIO, LampHardware
from lamp_ui.machine import read_machine


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


def backlight(folder: Path, steps: int, level: int) -> Path:
    light = folder / "10-0045"
    light.mkdir()
    (light / "max_brightness").write_text(f"{steps}\n")
    (light / "brightness").write_text(f"{level}\n")
    return light / "brightness"


def test_a_backlight_rests_and_is_left_as_it_was_found(tmp_path: Path, pins: MockFactory) -> None:
    brightness = backlight(tmp_path, 255, 200)
    hardware = LampHardware(tmp_path)
    assert hardware.dims
    hardware.rest(True)
    assert 0 < int(brightness.read_text()) < 60
    hardware.rest(False)
    assert int(brightness.read_text()) == 200
    hardware.rest(True)
    hardware.stop()
    assert int(brightness.read_text()) == 200


def test_a_backlight_that_can_only_be_switched_off_is_left_alone(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 1, 1)
    hardware = LampHardware(tmp_path)
    assert not hardware.dims
    hardware.rest(True)
    assert brightness.read_text() == "1\n"


@pytest.mark.parametrize("content", ["", "bright"])
def test_a_backlight_that_makes_no_sense_is_none(tmp_path: Path, content: str) -> None:
    backlight(tmp_path, 255, 200).with_name("max_brightness").write_text(content)
    assert not LampHardware(tmp_path).dims
    assert not LampHardware(tmp_path / "nowhere").dims


def test_a_backlight_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 255, 200)
    hardware = LampHardware(tmp_path)
    brightness.unlink()
    brightness.parent.joinpath("max_brightness").unlink()
    brightness.parent.rmdir()
    hardware.rest(True)
    assert not hardware.dims


def test_the_button_counts_when_it_is_held(tmp_path: Path, pins: MockFactory) -> None:
    held = threading.Event()
    hardware = LampHardware(tmp_path)
    hardware.start(held.set)
    pin = pins.pin(STATUS_BUTTON_GPIO)
    pin.drive_low()
    pin.drive_high()
    assert not held.wait(0.1)
    pin.drive_low()
    assert held.wait(10)
    hardware.stop()


def test_a_machine_without_pins_has_no_button(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "native")
    hardware = LampHardware(tmp_path)
    hardware.start(lambda: None)
    hardware.stop()


def test_the_machine_says_its_addresses_and_its_time() -> None:
    facts = read_machine()
    assert facts.clock.tzinfo is not None
    assert not any(address.startswith(("127.", "fe80")) or address == "::1" for address in facts.addresses)
