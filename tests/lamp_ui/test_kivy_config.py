"""Kivy's configuration: `config.ini` is never written, and what is valid in it counts."""

import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import NoReturn

import pytest

from lamp_ui.platform.kivy_config import apply, find_config, read_config_file, set_for_lamp
from tests.lamp_ui.conftest import DEVICE_ID, StartLamp
from tests.support.broker import Mosquitto
from tests.support.reading import read_text
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until

DEFAULTS = "[kivy]\ndesktop = 1\n[graphics]\nrotation = 0\nwidth = 800\nheight = 600\n[input]\nmouse = mouse\n"
PANEL = "[graphics]\nrotation = 90\n[input]\nmtdev_%(name)s = probesysfs,provider=mtdev\n"
DAMAGED = {
    "empty": b"",
    "cut off": b"[kivy]\nconfig_version = 27\n[graph",
    "no ini": b"rotation: 90 degrees",
    "not text": b"\xff\xfe[kivy]",
}
USABLE = {
    "a few values": PANEL,
    "of an old version": "[kivy]\nconfig_version = 4\n" + PANEL,
    "of no version": "[kivy]\nconfig_version = new\n" + PANEL,
    "with a byte order mark": "\ufeff" + PANEL,
    "with duplicates": "[graphics]\nrotation = 180\nrotation = 0\n" + PANEL,
    "with a percent sign": PANEL + "[kivy]\nwindow_icon = 50%\n",
}


def kivys_own(folder: Path) -> str:
    """Return the file that Kivy itself writes."""
    folder.mkdir()
    writes = "from kivy.config import Config"
    environment = {"KIVY_HOME": str(folder), "KIVY_NO_ARGS": "1", "KIVY_NO_CONSOLELOG": "1"}
    subprocess.run([sys.executable, "-c", writes], env=environment, check=True, timeout=60)
    return (folder / "config.ini").read_text()


def applied(content: bytes, folder: Path, environment: dict[str, str] | None = None) -> RawConfigParser:
    """Return Kivy's configuration after that of a file was applied."""
    file = folder / "config.ini"
    file.write_bytes(content)
    config = RawConfigParser()
    config.read_string(DEFAULTS)
    apply(read_config_file(file), config, environment or {})
    assert file.read_bytes() == content
    return config


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_of_a_damaged_file_nothing_counts(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert applied(content, tmp_path).get("graphics", "rotation") == "0"
    assert "is empty or can't be read; it is left as it is" in caplog.text


@pytest.mark.parametrize("content", USABLE.values(), ids=USABLE.keys())
def test_what_a_file_says_counts_and_defaults_fill_the_gaps(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = applied(content.encode(), tmp_path)
    assert (config.get("graphics", "rotation"), config.get("graphics", "width")) == ("90", "800")
    assert config.items("input") == [("mtdev_%(name)s", "probesysfs,provider=mtdev")]
    assert caplog.text == ""


def test_without_a_file_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".kivy").touch()  # not even a folder
    for missing in (tmp_path / "config.ini", tmp_path / ".kivy" / "config.ini"):
        assert read_config_file(missing).sections() == []
    assert caplog.text == ""


def test_a_variable_takes_precedence(tmp_path: Path) -> None:
    config = applied(b"[graphics]\nmaxfps = 60\nwidth = 320\n", tmp_path, {"KCFG_GRAPHICS_MAXFPS": "20"})
    assert not config.has_option("graphics", "maxfps")
    assert config.get("graphics", "width") == "320"


@pytest.mark.parametrize("content", [PANEL, "[input]\nmouse = mouse\n"], ids=["not in the file", "in the file"])
def test_a_variable_for_an_input_device_takes_precedence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.ini"
    file.write_text(content)
    config = RawConfigParser()
    config.read_string("[input]\nmouse = mouse,disable_multitouch\n%(name)s = probesysfs\n")  # as Kivy has set it
    apply(read_config_file(file), config, {"KCFG_INPUT_MOUSE": "mouse,disable_multitouch"})
    assert config.get("input", "mouse") == "mouse,disable_multitouch"
    assert not config.has_option("input", "%(name)s")


def test_kivys_own_file_is_valid(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    applied(kivys_own(tmp_path / "own").encode(), tmp_path)
    assert caplog.text == ""


def test_the_place_of_a_fault_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    applied(b"[graphics]\nrotation = 90\nnonsense\n", tmp_path)
    assert "[line 3]: 'nonsense" in caplog.text
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()


def test_the_file_is_in_kivys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_config({"KIVY_HOME": str(tmp_path)}) == tmp_path / "config.ini"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_config({}) == tmp_path / ".kivy" / "config.ini"


def test_without_any_home_there_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    assert not find_config({}).exists()


def test_the_home_of_an_unknown_user_is_no_home() -> None:
    assert not find_config({"KIVY_HOME": "~no-such-user/kivy"}).exists()


@pytest.mark.parametrize(
    ("section", "name", "value", "used"),
    [
        ("graphics", "rotation", "sideways", "0"),
        ("graphics", "rotation", "45", "0"),
        ("graphics", "rotation", "270", "270"),
        ("graphics", "width", "wide", "800"),
        ("graphics", "width", "0", "800"),
        ("graphics", "width", "--5", "800"),
        ("graphics", "width", "\u00b2", "800"),
        ("graphics", "height", "480", "480"),
        ("graphics", "left", "-5", "-5"),
        ("graphics", "vsync", "", ""),
        ("graphics", "vsync", "-1", "-1"),
        ("graphics", "vsync", "often", None),
        ("graphics", "maxfps", "fast", None),
        ("graphics", "fullscreen", "yes", "yes"),
        ("graphics", "fullscreen", "True", "True"),
        ("graphics", "fullscreen", "wide", None),
        ("graphics", "fullscreen", "on", None),
        ("graphics", "min_state_time", ".035", ".035"),
        ("graphics", "shaped", "round", None),
        ("kivy", "desktop", "maybe", "1"),
        ("kivy", "log_level", "loud", None),
        ("kivy", "default_font", "Roboto", None),
        ("kivy", "default_font", "['Roboto', 'a.ttf']", "['Roboto', 'a.ttf']"),
        ("kivy", "default_font", "[]", None),
        ("kivy", "default_font", "[1, 2]", None),
        ("postproc", "ignore", "[(0,", None),
        ("postproc", "jitter_distance", "0.004", "0.004"),
        ("postproc", "jitter_distance", "4e-3", "4e-3"),
        ("postproc", "jitter_distance", "\u00b2", None),
        ("postproc:calibration", "(mtdev)", "xratio=1.1, yoffset=-0.2,", "xratio=1.1, yoffset=-0.2,"),
        ("postproc:calibration", "(mtdev)", "auto=240x320", "auto=240x320"),
        ("postproc:calibration", "(mtdev)", "xratio=wide", None),
        ("postproc:calibration", "(mtdev)", "xratio", None),
        ("postproc:calibration", "(mtdev)", "auto=wide", None),
        ("postproc", "double_tap_time", "soon", None),
    ],
)
def test_an_invalid_value_is_named_and_not_used(
    section: str, name: str, value: str, used: str | None, *, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = applied(f"[{section}]\n{name} = {value}\n".encode(), tmp_path)
    assert config.get(section, name, fallback=None) == used
    assert (f"config.ini: [{section}] {name} = {value} is invalid; using" in caplog.text) is (value != used)


@pytest.mark.parametrize(("panel", "cursor"), [(True, "0"), (False, "1")])
def test_no_key_ends_the_program_and_a_panel_has_no_mouse(panel: bool, cursor: str) -> None:
    config = RawConfigParser()
    config.read_string(DEFAULTS)
    config.set("graphics", "show_cursor", "1")
    set_for_lamp(config, panel=panel)
    assert (config.get("kivy", "exit_on_escape"), config.get("graphics", "show_cursor")) == ("0", cursor)


@pytest.mark.parametrize(
    ("content", "turned"),
    [("", 0), ("[graphics]\nrotation = 180\n[graph", 0), ("[graphics]\nrotation = 180\n", 180)],
    ids=["empty", "broken", "a few values"],
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
    assert lamp.log.count("is left as it is") == (not turned)


def test_the_program_runs_with_an_old_file_whose_values_are_invalid(start_lamp: StartLamp, tmp_path: Path) -> None:
    home = tmp_path / "odd"
    odd = kivys_own(home)
    for old, new in {
        "rotation = 0": "rotation = sideways",
        "config_version = ": "config_version = 1",
        "log_level = info": "log_level = loud\nlog_level = loud",
        "log_maxfiles = 100": "log_maxfiles = many",
        "maxfps = 60": "maxfps = fast",
        "retain_time = 0": "retain_time = soon",
        "default_font = ": "default_font = Roboto #",
    }.items():
        assert old in odd
        odd = odd.replace(old, new)
    (home / "config.ini").write_text("\ufeff" + odd)
    lamp = start_lamp(KIVY_HOME=str(home))
    lamp.wait_for_main_screen()
    assert "[graphics] rotation = sideways is invalid; using 0" in lamp.log
    assert "No display" not in lamp.log
    assert (home / "config.ini").read_text() == "\ufeff" + odd


def test_the_program_runs_with_a_file_of_which_no_value_is_valid(start_lamp: StartLamp, tmp_path: Path) -> None:
    own = RawConfigParser()
    own.read_string(kivys_own(tmp_path / "odd"))
    own.add_section("postproc:calibration")
    own.set("postproc:calibration", "(mouse)", "")
    for section in set(own.sections()) - {"input", "modules"}:
        for name in own.options(section):
            own.set(section, name, "?")
    with (tmp_path / "odd" / "config.ini").open("w") as file:
        own.write(file)
    lamp = start_lamp(KIVY_HOME=str(tmp_path / "odd"))
    lamp.wait_for_main_screen()
    assert "[postproc:calibration] (mouse) = ? is invalid; using none" in lamp.log


def test_kivys_log_level_counts(start_lamp: StartLamp, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.ini").write_text("[kivy]\nlog_level = debug\n")
    lamp = start_lamp(KIVY_HOME=str(tmp_path / "home"))
    lamp.wait_for_main_screen()
    assert "Base: Create provider from" in lamp.log


def test_the_program_runs_without_a_home_and_writes_nothing_there(broker: Mosquitto, tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    for place in (home / "kivy", tmp_path / "none"):
        lamp = Touchscreen(tmp_path / f"lamp-{place.name}", broker, DEVICE_ID, settings={"KIVY_HOME": str(place)})
        with lamp:
            lamp.wait_for_main_screen()
            assert "config.ini" not in lamp.log
        assert not place.exists()
