"""Kivy's home and settings: nothing that is there is overwritten, and what can't be used is said and gone around."""

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from lamp_ui.platform.kivy_config import lay_over, mend_settings, prepare_home, set_for_lamp
from tests.lamp_ui.conftest import DEVICE_ID, StartLamp
from tests.support.broker import Mosquitto
from tests.support.reading import read_text
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until

PANEL = "[kivy]\nconfig_version = 27\n[graphics]\nrotation = 90\n[input]\nmtdev_%(name)s = probesysfs\n"
DAMAGED = {
    "empty": b"",
    "cut off": b"[kivy]\nconfig_version = 27\n[graph",
    "no ini": b"rotation: 90 degrees",
    "not text": b"\xff\xfe[kivy]",
}
INCOMPLETE = {
    "no version": "[graphics]\nrotation = 90\n",
    "no number": PANEL.replace("27", "new"),
    "little of it": PANEL,
}


def kivys_own(folder: Path) -> str:
    """Return the file that Kivy itself writes."""
    folder.mkdir()
    writes = "from kivy.config import Config"
    environment = {"KIVY_HOME": str(folder), "KIVY_NO_ARGS": "1", "KIVY_NO_CONSOLELOG": "1"}
    subprocess.run([sys.executable, "-c", writes], env=environment, check=True, timeout=60)
    return (folder / "config.ini").read_text()


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_config_is_left_as_it_is(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "config.ini"
    config.write_bytes(content)
    environment = {"KIVY_HOME": str(tmp_path)}
    assert prepare_home(environment, tmp_path) is None
    assert environment == {"KIVY_HOME": str(tmp_path), "KIVY_NO_CONFIG": "1"}
    assert "is empty or can't be read; it is left as it is" in caplog.text
    assert config.read_bytes() == content


@pytest.mark.parametrize("content", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_of_an_incomplete_config_what_is_there_counts(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "config.ini"
    file.write_text(content)
    environment = {"KIVY_HOME": str(tmp_path)}
    assert prepare_home(environment, tmp_path) == file
    assert environment["KIVY_NO_CONFIG"] == "1"
    assert "is incomplete; it is left as it is" in caplog.text
    defaults = ConfigParser(interpolation=None)
    defaults.read_string("[graphics]\nrotation = 0\nwidth = 800\n[input]\nmouse = mouse\n")
    lay_over(defaults, file)
    assert (defaults.get("graphics", "rotation"), defaults.get("graphics", "width")) == ("90", "800")
    assert defaults.options("input") == (["mtdev_%(name)s"] if "[input]" in content else ["mouse"])
    assert file.read_text() == content


@pytest.mark.parametrize("there", [True, False])
def test_a_sound_config_or_none_is_kivys(tmp_path: Path, there: bool, caplog: pytest.LogCaptureFixture) -> None:
    if there:
        kivys_own(tmp_path / ".kivy")
    environment: dict[str, str] = {}
    assert prepare_home(environment, tmp_path) is None
    assert environment == {}
    assert caplog.text == ""


def test_a_home_that_can_not_be_made_is_replaced_by_a_temporary_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    environment = {"KIVY_HOME": str(tmp_path / "file" / "kivy")}
    prepare_home(environment, tmp_path)
    assert Path(environment["KIVY_HOME"]).is_dir()
    assert "can't be written; Kivy uses a temporary folder" in caplog.text


def test_a_home_that_can_only_be_read_gives_its_settings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = tmp_path / "kivy"
    own = kivys_own(home)
    shutil.rmtree(home / "mods")
    (home / "mods").touch()  # in the way of a folder of Kivy's; root may write into any folder
    environment = {"KIVY_HOME": str(home)}
    prepare_home(environment, tmp_path)
    assert (Path(environment["KIVY_HOME"]) / "config.ini").read_text() == own
    assert "a temporary folder with its settings" in caplog.text


def config_with(section: str, name: str, value: str) -> ConfigParser:
    config = ConfigParser(interpolation=None)
    config.read_string(PANEL)
    if not config.has_section(section):
        config.add_section(section)
    config.set(section, name, value)
    return config


@pytest.mark.parametrize(
    ("section", "name", "value", "used"),
    [
        ("graphics", "rotation", "sideways", "0"),
        ("graphics", "rotation", "45", "0"),
        ("graphics", "rotation", "270", "270"),
        ("graphics", "width", "wide", "800"),
        ("graphics", "width", "0", "800"),
        ("graphics", "height", "480", "480"),
        ("graphics", "left", "-5", "-5"),
        ("graphics", "vsync", "", ""),
        ("graphics", "vsync", "-1", "-1"),
        ("graphics", "vsync", "often", ""),
        ("graphics", "fullscreen", "yes", "0"),
        ("kivy", "desktop", "maybe", "1"),
        ("postproc", "double_tap_time", "soon", "250"),
    ],
)
def test_a_value_that_can_not_be_used_is_named_and_replaced(
    section: str, name: str, value: str, used: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_with(section, name, value)
    mend_settings(config)
    assert config.get(section, name) == used
    assert (f"config.ini: [{section}] {name} = {value} can't be used" in caplog.text) is (value != used)


@pytest.mark.parametrize(("panel", "cursor"), [(True, "0"), (False, "1")])
def test_no_key_ends_the_program_and_a_panel_has_no_mouse(panel: bool, cursor: str) -> None:
    config = config_with("graphics", "show_cursor", "1")
    set_for_lamp(config, panel=panel)
    assert (config.get("kivy", "exit_on_escape"), config.get("graphics", "show_cursor")) == ("0", cursor)


@pytest.mark.parametrize(
    ("content", "turned"),
    [("", 0), ("[graphics]\nrotation = 180\n[graph", 0), ("[graphics]\nrotation = 180\n", 180)],
    ids=["empty", "broken", "incomplete"],
)
def test_the_program_runs_beside_a_config_that_is_not_whole(
    start_lamp: StartLamp, tmp_path: Path, content: str, turned: int
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.ini").write_text(content)
    lamp = start_lamp(KIVY_HOME=str(home))
    wait_until(lambda: "Unknown" in read_text(lamp.screen.grab().rotate(turned)), "the screen, turned as it should be")
    assert (home / "config.ini").read_text() == content
    assert lamp.log.count("is left as it is") == 1


def test_the_program_runs_with_values_that_can_not_be_used(start_lamp: StartLamp, tmp_path: Path) -> None:
    home = tmp_path / "odd"
    odd = kivys_own(home).replace("rotation = 0", "rotation = sideways")
    (home / "config.ini").write_text(odd)
    lamp = start_lamp(KIVY_HOME=str(home))
    lamp.wait_for_main_screen()
    assert "[graphics] rotation = sideways can't be used; using 0" in lamp.log
    assert "No display" not in lamp.log
    assert (home / "config.ini").read_text() == odd


def test_the_program_runs_without_a_home(broker: Mosquitto, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lamp = Touchscreen(tmp_path / "lamp", broker, DEVICE_ID, settings={"KIVY_HOME": str(tmp_path / "file" / "kivy")})
    with lamp:
        lamp.wait_for_main_screen()
        assert lamp.log.count("can't be written") == 1
