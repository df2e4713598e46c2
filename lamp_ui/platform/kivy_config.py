"""Kivy's own files and settings, looked at before Kivy is imported: nothing that is there is overwritten.

Kivy writes its defaults over a `config.ini` that it can't read, ends with a traceback where its home can't be
written, and takes a value that can't be used for a missing display. `config.ini` knows a panel's rotation and touch.
"""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, MutableMapping
from configparser import ConfigParser, Error
from enum import Enum, auto
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

HOME, NO_CONFIG = "KIVY_HOME", "KIVY_NO_CONFIG"
_CONFIG = "config.ini"
_PARTS = ("logs", "mods", "icon")
"""The folders that Kivy makes in its home."""

_NEEDED = (
    *(("kivy", name) for name in ("log_enable", "log_level", "log_dir", "log_name", "log_maxfiles", "keyboard_mode")),
    *(("graphics", name) for name in ("width", "height", "rotation", "position", "fullscreen", "show_cursor", "vsync")),
    *(("postproc", name) for name in ("double_tap_time", "jitter_distance", "retain_time")),
)
"""Without these Kivy ends with a traceback."""


class Soundness(Enum):
    """What Kivy would make of a `config.ini`."""

    SOUND = auto()
    """It reads the file as it is, or writes one where there is none."""
    INCOMPLETE = auto()
    """It would end with a traceback, or write over the file, for what it misses there."""
    DAMAGED = auto()
    """It would write its defaults over the file."""


def prepare_home(environment: MutableMapping[str, str], user_home: Path) -> Path | None:
    """Have Kivy use its home where it can be used, and something in memory or in a temporary folder where not.

    Returns a file whose values `lay_over` has to add to Kivy's defaults, or None.
    """
    home = Path(environment.get(HOME) or user_home / ".kivy").expanduser()
    config = home / _CONFIG
    soundness = _judge(config)
    if soundness is Soundness.DAMAGED:
        log.warning("%s is empty or can't be read; it is left as it is, and Kivy's defaults are used", config)
    elif soundness is Soundness.INCOMPLETE:
        log.warning("%s is incomplete; it is left as it is, and Kivy's defaults fill the gaps", config)
    if soundness is not Soundness.SOUND:
        environment[NO_CONFIG] = "1"
    if not _is_writable(home):
        temporary = Path(tempfile.mkdtemp(prefix="lampi-ui-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        if copied := soundness is Soundness.SOUND and config.exists():
            shutil.copyfile(config, temporary / _CONFIG)
        environment[HOME] = str(temporary)
        log.warning("%s can't be written; Kivy uses a temporary folder%s", home, " with its settings" * copied)
    return config if soundness is Soundness.INCOMPLETE else None


def lay_over(config: Any, file: Path) -> None:
    """Put a file's values over Kivy's defaults, in memory only; of its devices and modules, the file's alone count."""
    parser = _parsed(file)
    for section in parser.sections():
        if not config.has_section(section):
            config.add_section(section)
        if section in ("input", "modules"):
            for name in config.options(section):
                config.remove_option(section, name)
        for name, value in parser.items(section):
            config.set(section, name, value)


def _judge(config: Path) -> Soundness:
    try:
        if not config.exists():
            return Soundness.SOUND
        parser = _parsed(config)
    except (OSError, Error, ValueError) as fault:
        log.debug("%s: %s", config, fault)
        return Soundness.DAMAGED
    if not parser.sections():
        return Soundness.DAMAGED
    is_numbered = parser.get("kivy", "config_version", fallback="").isdigit()
    return (
        Soundness.SOUND if is_numbered and all(parser.has_option(*each) for each in _NEEDED) else Soundness.INCOMPLETE
    )


def _parsed(file: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.read_string(file.read_text(encoding="utf-8"))
    return parser


def _is_writable(home: Path) -> bool:
    """Tell whether Kivy can make what it wants in its home, or finds it there."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        for part in _PARTS:
            (home / part).mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(home, os.W_OK | os.X_OK)


def _switch(text: str) -> bool:
    return text in ("0", "1")


def _whole(least: int) -> Callable[[str], bool]:
    return lambda text: text.strip().lstrip("+-").isdigit() and int(text) >= least


_SETTINGS: dict[tuple[str, str], tuple[Callable[[str], bool], str]] = {
    ("graphics", "rotation"): (lambda text: text in ("0", "90", "180", "270"), "0"),
    ("graphics", "width"): (_whole(1), "800"),
    ("graphics", "height"): (_whole(1), "600"),
    ("graphics", "minimum_width"): (_whole(0), "0"),
    ("graphics", "minimum_height"): (_whole(0), "0"),
    ("graphics", "left"): (_whole(-(10**5)), "0"),
    ("graphics", "top"): (_whole(-(10**5)), "0"),
    ("graphics", "multisamples"): (_whole(0), "2"),
    ("graphics", "position"): (lambda text: text in ("auto", "custom"), "auto"),
    ("graphics", "fullscreen"): (lambda text: text in ("0", "1", "auto", "fake"), "0"),
    ("graphics", "window_state"): (lambda text: text in ("visible", "hidden", "maximized", "minimized"), "visible"),
    ("graphics", "fbo"): (lambda text: text in ("hardware", "software", "force-hardware"), "hardware"),
    ("graphics", "vsync"): (lambda text: text in ("", "none") or _whole(-1)(text), ""),
    ("graphics", "borderless"): (_switch, "0"),
    ("graphics", "resizable"): (_switch, "1"),
    ("graphics", "allow_screensaver"): (_switch, "1"),
    ("graphics", "always_on_top"): (_switch, "0"),
    ("graphics", "show_taskbar_icon"): (_switch, "1"),
    ("graphics", "verify_gl_main_thread"): (_switch, "1"),
    ("kivy", "desktop"): (_switch, "1"),
    ("kivy", "pause_on_minimize"): (_switch, "0"),
    ("kivy", "keyboard_repeat_delay"): (_whole(0), "300"),
    ("kivy", "keyboard_repeat_rate"): (_whole(1), "30"),
    ("postproc", "double_tap_time"): (_whole(0), "250"),
    ("postproc", "double_tap_distance"): (_whole(0), "20"),
    ("postproc", "triple_tap_time"): (_whole(0), "375"),
    ("postproc", "triple_tap_distance"): (_whole(0), "20"),
    ("postproc", "jitter_distance"): (_whole(0), "0"),
    ("postproc", "retain_time"): (_whole(0), "0"),
    ("postproc", "retain_distance"): (_whole(0), "50"),
}
"""Which values Kivy ends or opens no window for, how to tell, and what to use instead: its own defaults."""


def mend_settings(config: Any) -> None:
    """Put a default, in memory only, in place of each value in Kivy's configuration that can't be used, and say so."""
    for (section, name), (is_fine, default) in _SETTINGS.items():
        if config.has_option(section, name) and not is_fine(value := config.get(section, name)):
            log.warning("config.ini: [%s] %s = %s can't be used; using %s", section, name, value, default or "none")
            config.set(section, name, default)


def set_for_lamp(config: Any, *, panel: bool) -> None:
    """Have no key end the program, and on a ``panel`` no mouse's arrow on the screen; in memory only."""
    config.set("kivy", "exit_on_escape", "0")
    if panel:
        config.set("graphics", "show_cursor", "0")
