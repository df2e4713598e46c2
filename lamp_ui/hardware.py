"""The hardware around the panel, its backlight and the button on the case: the real thing where it is there."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lamp_ui.button import Button

log = logging.getLogger(__name__)

BACKLIGHTS = Path("/sys/class/backlight")
DEVICES = Path("/dev")
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
    """A PiTFT: its backlight through sysfs, its button through gpiod; each may be missing.

    ``backlights`` is the folder in which Linux lists them, ``devices`` the one with the GPIO chips. ``memory`` is the
    file that keeps the full level: a program that was killed while the screen was dimmed finds the backlight dimmed.
    """

    def __init__(self, backlights: Path = BACKLIGHTS, devices: Path = DEVICES, memory: Path | None = None) -> None:
        self._memory = _state_file() if memory is None else memory
        self._backlight = _find_backlight(backlights)
        self._full = 0 if self._backlight is None else self._full_level(self._backlight)
        self._devices = devices
        self._button: Button | None = None

    @property
    def dims(self) -> bool:
        """Whether there is a backlight with steps, which we may set."""
        return self._backlight is not None

    def start(self, on_button_held: Callable[[], None]) -> None:
        """Watch the button, if there is one; the callback comes on a thread of its own."""
        try:
            from lamp_ui.button import Button, NoButton  # noqa: PLC0415  # gpiod comes with the extra `pi`
        except ImportError:
            log.info("No button: gpiod, of the extra 'pi', is not installed")
            return
        button = Button(on_button_held, self._devices)
        try:
            button.start()
        except NoButton as reason:
            log.info("No button: %s", reason)
        else:
            self._button = button

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
            self._button.stop()
            self._button = None

    def _full_level(self, backlight: Path) -> int:
        """Return the level to wake to: the present one, unless it is what resting leaves behind."""
        level, most = (_read_number(backlight / name) for name in ("brightness", "max_brightness"))
        remembered = self._remembered()
        if remembered is not None and level == _resting(remembered) < remembered <= most:
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
