"""The hardware around the panel, its backlight and the button on the case: the real thing where it is there."""

import logging
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

    ``backlights`` is the folder in which Linux lists them, ``devices`` the one with the GPIO chips.
    """

    def __init__(self, backlights: Path = BACKLIGHTS, devices: Path = DEVICES) -> None:
        self._backlight = _find_backlight(backlights)
        self._full = 0 if self._backlight is None else _read_number(self._backlight / "brightness")
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
        level = max(1, round(self._full * _RESTING_SHARE)) if resting else self._full
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
