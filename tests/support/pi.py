"""`lampi-ui` on a Pi that only looks real: its backlight is a folder, its button's pin is a mock.

    python -m tests.support.pi FOLDER [OPTION...]

SIGUSR1 presses the button, and lets it go once it has been held.
"""

import signal
import sys
import threading
from pathlib import Path

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from lamp_ui import hardware
from lamp_ui.__main__ import main


class LookAlike(hardware.LampHardware):
    """The real code on the folder that the command line names."""

    def __init__(self) -> None:
        super().__init__(Path(sys.argv[1]))


def press(*_: object) -> None:
    pin = Device.pin_factory.pin(hardware.STATUS_BUTTON_GPIO)
    pin.drive_low()
    threading.Timer(1.5 * hardware.HOLD_SECONDS, pin.drive_high).start()


if __name__ == "__main__":
    Device.pin_factory = MockFactory()
    signal.signal(signal.SIGUSR1, press)
    hardware.LampHardware = LookAlike  # type: ignore[misc,assignment]
    main(sys.argv[2:], prog_name="lampi-ui")
