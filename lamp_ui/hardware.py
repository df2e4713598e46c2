"""The hardware around the panel, its backlight and the button on the case: the real thing where it is there."""

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger(__name__)

STATUS_BUTTON_GPIO = 17
"""The PiTFT's button that a LAMPI has always shown its status by, numbered as the chip does (BCM)."""

HOLD_SECONDS = 0.7
BACKLIGHTS = Path("/sys/class/backlight")
_FEWEST_STEPS = 4
"""A backlight with fewer can only be switched off, and a screen that is off shows nothing to wake for."""

_RESTING_SHARE = 0.12

STATE = "XDG_STATE_HOME"


class Hardware(Protocol):
    """What the screen asks of the things around it."""

    @property
    def dims(self) -> bool:
        """Whether `rest` makes the screen darker; else the program draws a veil."""

    def start(self, on_button_held: Callable[[], None]) -> None:
        """Begin to listen; the callback comes on a thread of the hardware's own."""

    def rest(self, resting: bool) -> None:
        """Turn the backlight down, or up again."""

    def stop(self) -> None:
        """Leave everything as it was found."""


class LampHardware:
    """A PiTFT: its backlight through Linux, its button through gpiozero; each may be missing.

    ``backlights`` is the folder in which Linux lists them; ``memory`` the file that keeps the full level, for a
    program that was killed while it rested finds the backlight dimmed.
    """

    def __init__(self, backlights: Path = BACKLIGHTS, memory: Path | None = None) -> None:
        self._memory = _state_file() if memory is None else memory
        self._backlight = _find_backlight(backlights)
        self._full = 0 if self._backlight is None else self._full_level(self._backlight)
        self._button: Any = None

    @property
    def dims(self) -> bool:
        """Whether there is a backlight with steps, which we may set."""
        return self._backlight is not None

    def start(self, on_button_held: Callable[[], None]) -> None:
        """Listen to the button, where there is one; the callback comes on gpiozero's thread."""
        try:
            from gpiozero import Button  # noqa: PLC0415  # only a Pi has it, and pins
        except ImportError:
            log.debug("No gpiozero: no button on GPIO %s", STATUS_BUTTON_GPIO)
            return
        try:
            with warnings.catch_warnings():  # one for each library that it tries in vain
                warnings.simplefilter("ignore")
                self._button = Button(STATUS_BUTTON_GPIO, hold_time=HOLD_SECONDS)
        except Exception as fault:  # its pin libraries raise what they like where there are no pins
            log.info("No button on GPIO %s (%s)", STATUS_BUTTON_GPIO, type(fault).__name__)
            return
        self._button.when_held = on_button_held

    def rest(self, resting: bool) -> None:
        """Turn the backlight down, or back to what it was."""
        if self._backlight is None:
            return
        level = _resting(self._full) if resting else self._full
        if resting:
            self._remember()
        try:
            (self._backlight / "brightness").write_text(str(level), encoding="ascii")
        except OSError as fault:
            log.warning("The backlight can't be set any more (%s)", fault)
            self._backlight = None

    def stop(self) -> None:
        """Leave the backlight as it was found, and the pin."""
        self.rest(False)
        if self._button is not None:
            self._button.close()
            self._button = None

    def _full_level(self, backlight: Path) -> int:
        """Return the level to wake to: the present one, unless it is what resting leaves behind."""
        level, most = (_read_number(backlight / name) for name in ("brightness", "max_brightness"))
        remembered = self._remembered()
        if remembered is not None and level == _resting(remembered) and remembered <= most:
            return remembered
        # Without a memory: no level so dark is meant to be the full one.
        return most if level <= _resting(most) else level

    def _remembered(self) -> int | None:
        try:
            return _read_number(self._memory)
        except (OSError, ValueError) as fault:
            log.debug("No backlight level remembered (%s)", fault)
            return None

    def _remember(self) -> None:
        if self._remembered() == self._full:  # an SD card lasts longer without
            return
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            self._memory.write_text(f"{self._full}\n", encoding="ascii")
        except OSError as fault:
            log.debug("The backlight's level can't be remembered (%s)", fault)


def _state_file() -> Path:
    state = os.environ.get(STATE)
    return (Path(state) if state else Path.home() / ".local" / "state") / "lampi-ui" / "backlight"


def _resting(full: int) -> int:
    return max(1, round(full * _RESTING_SHARE))


def _find_backlight(backlights: Path) -> Path | None:
    for folder in sorted(backlights.glob("*")):
        try:
            steps = _read_number(folder / "max_brightness")
            level = _read_number(folder / "brightness")
            with (folder / "brightness").open("r+", encoding="ascii"):
                pass
        except (OSError, ValueError) as fault:
            log.debug("Not a backlight for us: %s (%s)", folder.name, fault)
            continue
        if steps >= _FEWEST_STEPS and level > 0:
            return folder
    return None


def _read_number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))
