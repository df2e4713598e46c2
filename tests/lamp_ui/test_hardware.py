"""The panel's backlight: the real code on files that only look real. And what the machine says of itself."""

from pathlib import Path

import pytest

from lamp_ui.hardware import LampHardware
from lamp_ui.machine import read_machine


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the program remembers in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home-state"))


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


@pytest.mark.parametrize("level", [200, 255, 120])
def test_a_program_that_was_killed_while_it_rested_leaves_no_darker_light_behind(tmp_path: Path, level: int) -> None:
    brightness, memory = backlight(tmp_path, 255, level), tmp_path / "state" / "lampi-ui" / "backlight"
    for _ in range(4):
        hardware = LampHardware(tmp_path, memory=memory)
        hardware.rest(True)  # and here it is killed
        assert int(brightness.read_text()) == round(0.12 * level)
    hardware.rest(False)
    assert int(brightness.read_text()) == level


@pytest.mark.parametrize("remembered", ["0", "1", "-5", "256", "x", ""])
def test_a_memory_that_can_not_be_right_is_not_believed(tmp_path: Path, remembered: str) -> None:
    brightness, memory = backlight(tmp_path, 255, 1), tmp_path / "memory"
    memory.write_text(remembered)
    LampHardware(tmp_path, memory=memory).rest(False)
    assert int(brightness.read_text()) == 255


def test_without_a_memory_a_light_left_dimmed_becomes_a_full_one(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 255, 200)
    nowhere = brightness / "no" / "folder"
    LampHardware(tmp_path, memory=nowhere).rest(True)
    hardware = LampHardware(tmp_path, memory=nowhere)
    hardware.rest(True)
    hardware.rest(False)
    assert int(brightness.read_text()) == 255


def test_a_light_that_was_set_anew_meanwhile_is_the_full_one(tmp_path: Path) -> None:
    brightness, memory = backlight(tmp_path, 255, 200), tmp_path / "memory"
    LampHardware(tmp_path, memory=memory).rest(True)
    brightness.write_text("90\n")
    hardware = LampHardware(tmp_path, memory=memory)
    hardware.rest(True)
    hardware.rest(False)
    assert int(brightness.read_text()) == 90


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
