"""Kivy's configuration: `config.ini` is read here, and Kivy itself neither reads nor writes it.

By default, Kivy overwrites a malformed or older file with its defaults, and exits with a traceback on a duplicate, an
invalid value or a read-only home folder. On a Pi, `config.ini` has the panel's rotation and touch.
"""

import logging
from ast import literal_eval
from collections.abc import Callable, Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from re import fullmatch
from typing import Any

log = logging.getLogger(__name__)

HOME, NO_CONFIG = "KIVY_HOME", "KIVY_NO_CONFIG"
_REPLACED_SECTIONS = ("input", "modules")
"""Sections in which the file's entries replace all of Kivy's entries."""

_CALIBRATION = "postproc:calibration"
_NOWHERE = Path("/nonexistent/.kivy/config.ini")
_NUMBER = r"\s*[+-]?([0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9})(e[+-]?[0-9]{1,2})?\s*"


def find_config(environment: Mapping[str, str]) -> Path:
    """Return the path of `config.ini`, in `KIVY_HOME` or in the user's home folder, which may not exist."""
    home = environment.get(HOME)
    try:
        return (Path(home).expanduser() if home else Path.home() / ".kivy") / "config.ini"
    except RuntimeError:  # neither HOME nor an entry in passwd
        return _NOWHERE


def read_config_file(file: Path) -> ConfigParser:
    """Return the file's entries, none if it is missing or unusable. Of duplicates, the last counts."""
    parser = ConfigParser(interpolation=None, strict=False)
    reason = "it has no section"
    try:
        text = file.read_text(encoding="utf-8-sig")
        parser.read_string(text)
    except (FileNotFoundError, NotADirectoryError):
        return parser
    except (OSError, Error, ValueError) as fault:
        reason = " ".join(str(fault).split())
        parser.clear()
    if not parser.sections():
        log.warning("%s is empty or can't be read; it is left as it is, and Kivy's defaults are used: %s", file, reason)
    return parser


def apply(parser: ConfigParser, config: Any, environment: Mapping[str, str]) -> None:
    """Set these values in Kivy's configuration, in memory; call it before other modules of Kivy are imported.

    An invalid value is logged and not set. A `KCFG_...` variable in the environment takes precedence, as in Kivy.
    """
    for section in parser.sections():
        if not config.has_section(section):
            config.add_section(section)
        if section in _REPLACED_SECTIONS:
            for name in config.options(section):
                if not _is_given(section, name, environment):
                    config.remove_option(section, name)
        for name, value in parser.items(section):
            if _is_given(section, name, environment):
                continue
            if not _validator(section, name)(value):
                used = config.get(section, name) if config.has_option(section, name) else ""
                log.warning("config.ini: [%s] %s = %s is invalid; using %s", section, name, value, used or "none")
                continue
            config.set(section, name, value)


def set_for_lamp(config: Any, *, panel: bool) -> None:
    """Disable Kivy's exit key, and hide the mouse pointer on a ``panel``; in memory only."""
    config.set("kivy", "exit_on_escape", "0")
    if panel:
        config.set("graphics", "show_cursor", "0")


def _is_given(section: str, name: str, environment: Mapping[str, str]) -> bool:
    return f"KCFG_{section}_{name}".upper() in environment


def _validator(section: str, name: str) -> Callable[[str], bool]:
    return _calibration if section == _CALIBRATION else _VALID.get((section, name), _anything)


def _anything(_text: str) -> bool:
    return True


def _switch(text: str) -> bool:
    return text.lower() in ConfigParser.BOOLEAN_STATES


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda text: text in words


def _whole(least: int) -> Callable[[str], bool]:
    return lambda text: fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text) is not None and int(text) >= least


def _number(text: str) -> bool:
    return fullmatch(_NUMBER, text.lower()) is not None


def _fraction(text: str) -> bool:
    return _number(text) and float(text) >= 0


def _fullscreen(text: str) -> bool:
    """Return whether Kivy accepts it; `on` would mean off."""
    return text in ("auto", "fake") or (_switch(text) and text.lower() != "on")


def _fonts(text: str) -> bool:
    """Return whether it is a list of a name and at least one file; Kivy rejects tuples."""
    fonts = literal_eval(text) if _list(text) else ()
    return isinstance(fonts, list) and len(fonts) > 1 and all(isinstance(font, str) for font in fonts)


def _calibration(text: str) -> bool:
    """Return whether it is a device's calibration, such as `xratio=1.1,yoffset=0.2` or `auto=240x320`."""
    for parameter in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = parameter.partition("=")
        numbers = value.split("x") if key == "auto" else [value]
        if len(numbers) != (2 if key == "auto" else 1) or not all(map(_number, numbers)):
            return False
    return True


def _list(text: str) -> bool:
    try:
        return isinstance(literal_eval(text), list | tuple)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


_VALID: dict[tuple[str, str], Callable[[str], bool]] = {
    ("graphics", "allow_screensaver"): _switch,
    ("graphics", "always_on_top"): _switch,
    ("graphics", "borderless"): _switch,
    ("graphics", "custom_titlebar"): _switch,
    ("graphics", "display"): _whole(-1),
    ("graphics", "fbo"): _one_of("hardware", "software", "force-hardware"),
    ("graphics", "fullscreen"): _fullscreen,
    ("graphics", "height"): _whole(1),
    ("graphics", "left"): _whole(-(10**5)),
    ("graphics", "maxfps"): _whole(0),
    ("graphics", "min_state_time"): _fraction,
    ("graphics", "minimum_height"): _whole(0),
    ("graphics", "minimum_width"): _whole(0),
    ("graphics", "multisamples"): _whole(0),
    ("graphics", "position"): _one_of("auto", "custom"),
    ("graphics", "resizable"): _switch,
    ("graphics", "rotation"): _one_of("0", "90", "180", "270"),
    ("graphics", "shaped"): _switch,
    ("graphics", "show_cursor"): _switch,
    ("graphics", "show_taskbar_icon"): _switch,
    ("graphics", "top"): _whole(-(10**5)),
    ("graphics", "verify_gl_main_thread"): _switch,
    ("graphics", "vsync"): lambda text: text in ("", "none") or _whole(-1)(text),
    ("graphics", "width"): _whole(1),
    ("graphics", "window_state"): _one_of("visible", "hidden", "maximized", "minimized"),
    ("kivy", "default_font"): _fonts,
    ("kivy", "desktop"): _switch,
    ("kivy", "exit_on_escape"): _switch,
    ("kivy", "keyboard_mode"): _one_of("", "system", "dock", "multi", "systemanddock", "systemandmulti"),
    ("kivy", "keyboard_repeat_delay"): _whole(0),
    ("kivy", "keyboard_repeat_rate"): _whole(1),
    ("kivy", "kivy_clock"): _one_of("default", "interrupt", "free_all", "free_only"),
    ("kivy", "log_enable"): _switch,
    ("kivy", "log_level"): _one_of("trace", "debug", "info", "warning", "error", "critical"),
    ("kivy", "log_maxfiles"): _whole(-1),
    ("kivy", "pause_on_minimize"): _switch,
    ("postproc", "double_tap_distance"): _whole(0),
    ("postproc", "double_tap_time"): _whole(0),
    ("postproc", "ignore"): _list,
    ("postproc", "jitter_distance"): _fraction,
    ("postproc", "retain_distance"): _whole(0),
    ("postproc", "retain_time"): _whole(0),
    ("postproc", "triple_tap_distance"): _whole(0),
    ("postproc", "triple_tap_time"): _whole(0),
    ("widgets", "scroll_distance"): _whole(0),
    ("widgets", "scroll_timeout"): _whole(0),
}
"""Validators for values on which Kivy would fail; all other values are passed on unchanged."""
