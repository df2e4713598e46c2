"""The panel's backlight, on plain files in place of sysfs, and what the machine reports about itself."""

from pathlib import Path
from typing import NoReturn

import pytest

from lamp_ui.platform.hardware import LampHardware
from lamp_ui.platform.host_info import read_machine


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the program's state in the test's own folder; return the file with the full level."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home-state"))
    return tmp_path / "home-state" / "lampi-ui" / "backlight"


def killed_while_dimmed(backlights: Path) -> None:
    """Leave behind what a program does that is killed while the screen is dimmed."""
    LampHardware(backlights).set_dimmed(True)


def backlight(folder: Path, steps: int, level: int) -> Path:
    light = folder / "10-0045"
    light.mkdir()
    (light / "max_brightness").write_text(f"{steps}\n")
    (light / "brightness").write_text(f"{level}\n")
    return light / "brightness"


def test_a_backlight_dims_and_is_left_as_it_was_found(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 255, 200)
    hardware = LampHardware(tmp_path)
    assert hardware.dims
    hardware.set_dimmed(True)
    assert 0 < int(brightness.read_text()) < 60
    hardware.set_dimmed(False)
    assert int(brightness.read_text()) == 200
    hardware.set_dimmed(True)
    hardware.stop()
    assert int(brightness.read_text()) == 200


def test_a_backlight_dims_without_any_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", fail)
    brightness = backlight(tmp_path, 255, 200)
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    assert 0 < int(brightness.read_text()) < 60
    hardware.set_dimmed(False)
    assert int(brightness.read_text()) == 200


@pytest.mark.parametrize("level", [200, 255, 120])
def test_a_program_killed_while_dimmed_leaves_no_darker_light_behind(tmp_path: Path, level: int) -> None:
    brightness = backlight(tmp_path, 255, level)
    for _ in range(4):
        hardware = LampHardware(tmp_path)
        hardware.set_dimmed(True)  # and here it is killed
        assert int(brightness.read_text()) == round(0.12 * level)
    hardware.set_dimmed(False)
    assert int(brightness.read_text()) == level


def test_the_next_start_restores_what_a_killed_run_left_dimmed(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 255, 200)
    for _ in range(3):
        killed_while_dimmed(tmp_path)
        hardware = LampHardware(tmp_path, tmp_path)
        hardware.start(lambda: None)
        assert int(brightness.read_text()) == 200


@pytest.mark.parametrize("level", [1, 2, 20, 24, 30])
def test_a_dark_level_of_a_person_is_restored(tmp_path: Path, level: int) -> None:
    brightness = backlight(tmp_path, 255, level)
    for _ in range(3):
        killed_while_dimmed(tmp_path)
        hardware = LampHardware(tmp_path)
        hardware.set_dimmed(True)
        assert 1 <= int(brightness.read_text()) <= level
        hardware.set_dimmed(False)
        assert int(brightness.read_text()) == level


@pytest.mark.parametrize("level", [80, 24, 20, 3, 255, 0])
def test_a_level_that_was_set_while_running_is_restored(tmp_path: Path, level: int) -> None:
    brightness = backlight(tmp_path, 255, 200)
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    hardware.set_dimmed(False)
    brightness.write_text(f"{level}\n")
    hardware.set_dimmed(True)
    hardware.set_dimmed(False)
    assert int(brightness.read_text()) == level
    hardware.stop()
    assert int(brightness.read_text()) == level


@pytest.mark.parametrize("level", [80, 20, 250, 0])
def test_a_level_that_was_set_while_dimmed_stays(tmp_path: Path, level: int) -> None:
    brightness = backlight(tmp_path, 255, 200)
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    brightness.write_text(f"{level}\n")
    hardware.set_dimmed(False)
    assert int(brightness.read_text()) == level
    hardware.set_dimmed(True)
    hardware.stop()
    assert int(brightness.read_text()) == level


def test_a_dark_level_that_was_set_after_waking_is_not_taken_for_dimming(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 255, 200)
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    dimmed = brightness.read_text()
    hardware.set_dimmed(False)
    brightness.write_text(dimmed)  # by a person; then the program is killed
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    hardware.set_dimmed(False)
    assert brightness.read_text() == dimmed


def test_the_level_that_an_earlier_version_saved_is_restored(tmp_path: Path, record: Path) -> None:
    brightness = backlight(tmp_path, 255, 24)
    record.parent.mkdir(parents=True)
    record.write_text("200\n")
    LampHardware(tmp_path).set_dimmed(False)
    assert int(brightness.read_text()) == 200


@pytest.mark.parametrize("remembered", ["0", "1", "-5", "256", "x", "", "1 1", "300 1", "5 9"])
def test_a_memory_that_can_not_be_right_is_not_believed(tmp_path: Path, record: Path, remembered: str) -> None:
    brightness = backlight(tmp_path, 255, 1)
    record.parent.mkdir(parents=True)
    record.write_text(remembered)
    LampHardware(tmp_path).set_dimmed(False)
    assert int(brightness.read_text()) == 255


def test_without_a_memory_a_light_left_dimmed_becomes_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brightness = backlight(tmp_path, 255, 200)
    monkeypatch.setenv("XDG_STATE_HOME", str(brightness / "no" / "folder"))
    killed_while_dimmed(tmp_path)
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    hardware.set_dimmed(False)
    assert int(brightness.read_text()) == 255


def test_a_level_that_can_not_be_saved_is_not_dimmed(tmp_path: Path, record: Path) -> None:
    brightness = backlight(tmp_path, 255, 200)
    record.mkdir(parents=True)
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    assert int(brightness.read_text()) == 200


def test_a_light_that_was_set_again_meanwhile_is_the_full_one(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 255, 200)
    killed_while_dimmed(tmp_path)
    brightness.write_text("90\n")
    hardware = LampHardware(tmp_path)
    hardware.set_dimmed(True)
    hardware.set_dimmed(False)
    assert int(brightness.read_text()) == 90


def test_a_backlight_that_can_only_be_switched_off_is_left_alone(tmp_path: Path) -> None:
    brightness = backlight(tmp_path, 1, 1)
    hardware = LampHardware(tmp_path)
    assert not hardware.dims
    hardware.set_dimmed(True)
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
    hardware.set_dimmed(True)
    assert not hardware.dims


def test_the_machine_says_its_addresses_and_its_time() -> None:
    facts = read_machine()
    assert facts.clock.tzinfo is not None
    assert not any(address.startswith(("127.", "fe80")) or address == "::1" for address in facts.addresses)
