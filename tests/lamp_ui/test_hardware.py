"""The panel's backlight: the real code on files that only look real. And what the machine says of itself."""

from pathlib import Path

import pytest

from lamp_ui.hardware import LampHardware
from lamp_ui.machine import read_machine


def backlight(folder: Path, steps: int, level: int) -> Path:
    light = folder / "10-0045"
    light.mkdir()
    (light / "max_brightness").write_text(f"{steps}\n")
    (light / "brightness").write_text(f"{level}\n")
    return light / "brightness"


def test_a_backlight_rests_and_is_left_as_it_was_found(tmp_path: Path) -> None:
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


def test_the_machine_says_its_addresses_and_its_time() -> None:
    facts = read_machine()
    assert facts.clock.tzinfo is not None
    assert not any(address.startswith(("127.", "fe80")) or address == "::1" for address in facts.addresses)
