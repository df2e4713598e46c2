"""`lampi-ui` on a simulated Pi: its backlight is a folder, its button a fake GPIO chip.

    python -m tests.support.pi FOLDER [OPTION...]

SIGUSR1 presses the button, and lets it go once it has been held; if it is still pressed, it is let go first.
"""

import signal
import sys
import threading
from pathlib import Path

import gpiod

from lamp_ui.__main__ import main
from lamp_ui.platform import button, hardware
from tests.support.gpio import FakeChip, make_chip

FOLDER = Path(sys.argv[1])


class LookAlike(hardware.LampHardware):
    """The real code on the folder that the command line names."""

    def __init__(self) -> None:
        super().__init__(FOLDER, FOLDER)


class Finger:
    """Presses the button for longer than it has to be held."""

    def __init__(self) -> None:
        self._let_go = threading.Timer(0, lambda: None)

    def press(self, *_: object) -> None:
        (line,) = FakeChip.requests
        if self._let_go.is_alive():
            self._let_go.cancel()
            line.let_go()
        line.press()
        self._let_go = threading.Timer(1.5 * button.HOLD_SECONDS, line.let_go)
        self._let_go.start()


if __name__ == "__main__":
    FakeChip.requests = []
    gpiod.Chip = FakeChip  # type: ignore[misc,assignment]
    make_chip(FOLDER)
    signal.signal(signal.SIGUSR1, Finger().press)
    hardware.LampHardware = LookAlike  # type: ignore[misc,assignment]
    main(sys.argv[2:], prog_name="lampi-ui")
