"""The hardware around the panel: its backlight and the button on the case, where they exist."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lamp_ui.platform.backlight import open_backlight

if TYPE_CHECKING:
    from lamp_ui.platform.button import Button

log = logging.getLogger(__name__)

BACKLIGHTS = Path("/sys/class/backlight")
DEVICES = Path("/dev")


class Hardware(Protocol):
    """The hardware that the screen uses."""

    @property
    def dims(self) -> bool:
        """Whether `set_dimmed` dims the backlight; otherwise the program darkens the picture."""

    def start(self, on_button_held: Callable[[], None]) -> None:
        """Start watching the button; the callback runs on a separate thread."""

    def set_dimmed(self, dimmed: bool) -> None:
        """Dim the backlight, or restore it."""

    def stop(self) -> None:
        """Restore the backlight and release the button."""


class LampHardware:
    """A PiTFT: its backlight through sysfs and its button through gpiod; each may be missing.

    ``backlights`` is the folder in which Linux lists backlights, ``devices`` the folder with the GPIO chips.
    """

    def __init__(self, backlights: Path = BACKLIGHTS, devices: Path = DEVICES) -> None:
        self._backlight = open_backlight(backlights)
        self._devices = devices
        self._button: Button | None = None

    @property
    def dims(self) -> bool:
        """Whether there is a backlight with steps that can be set."""
        return self._backlight is not None

    def start(self, on_button_held: Callable[[], None]) -> None:
        """Restore a backlight that a killed run left dimmed, and watch the button, if there is one."""
        self.set_dimmed(False)
        try:
            from lamp_ui.platform.button import Button, NoButton  # noqa: PLC0415  # gpiod comes with the extra `pi`
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

    def set_dimmed(self, dimmed: bool) -> None:
        """Dim the backlight, or restore the level that it had."""
        if self._backlight is None:
            return
        try:
            if dimmed:
                self._backlight.dim()
            else:
                self._backlight.restore()
        except (OSError, ValueError) as fault:
            log.warning("Backlight lost, not dimming any more: %s", fault)
            self._backlight = None

    def stop(self) -> None:
        """Restore the backlight and release the button."""
        self.set_dimmed(False)
        if self._button is not None:
            self._button.stop()
            self._button = None
