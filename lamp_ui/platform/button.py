"""The button on the lamp's case: a GPIO line whose edges the kernel reports.

It imports gpiod, which comes with the extra `pi`: callers handle the ImportError.
"""

import errno
import logging
import os
import select
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

from lamp_ui.core.hold import Hold

log = logging.getLogger(__name__)

STATUS_BUTTON_GPIO = 17
"""The PiTFT's button that opens the status page, in the chip's numbering (BCM)."""

HOLD_SECONDS = 0.7
HEADER_CHIPS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
"""The labels of the chips behind a Pi's 40-pin header: up to the Pi 3, on the Pi 4, on the Pi 5.

Not a device number: /dev/gpiochip0 is the header on a Pi 3, but on some kernels a different chip on a Pi 5.
"""

_DEBOUNCE = timedelta(milliseconds=20)


class NoButton(Exception):
    """The button can't be used; the text is the reason."""


class Button:
    """Runs a callback on its own thread each time the button is held.

    ``devices`` is the folder with the GPIO chips' device files.
    """

    def __init__(self, on_held: Callable[[], None], devices: Path) -> None:
        self._on_held = on_held
        self._devices = devices
        self._request: gpiod.LineRequest | None = None
        self._stopping = -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Request the line and start the thread.

        Raises:
            NoButton: there is no such chip, it can't be opened, or another program uses the line.
        """
        self._request = _request_line(self._devices)
        self._stopping = os.eventfd(0)
        self._thread = threading.Thread(target=self._watch, args=(self._request,), name="button")
        self._thread.start()

    def stop(self) -> None:
        """End the thread and release the line, if it was started."""
        if self._thread is None or self._request is None:
            return
        os.eventfd_write(self._stopping, 1)
        self._thread.join()
        self._thread = None
        os.close(self._stopping)
        self._request.release()

    def _watch(self, request: gpiod.LineRequest) -> None:
        hold = Hold(HOLD_SECONDS)
        poll = select.poll()
        poll.register(request.fileno(), select.POLLIN)
        poll.register(self._stopping, select.POLLIN)
        try:
            while True:
                left = hold.seconds_left(time.monotonic_ns())
                ready = {descriptor for descriptor, _ in poll.poll(None if left is None else left * 1000)}
                if self._stopping in ready:
                    return
                if request.fileno() in ready:
                    for event in request.read_edge_events():
                        if event.event_type is gpiod.EdgeEvent.Type.RISING_EDGE:
                            hold.press(event.timestamp_ns)
                        elif hold.release(event.timestamp_ns):
                            self._on_held()
                # Read the line as well: events are lost when the kernel's buffer overflows.
                elif hold.expire(time.monotonic_ns()) and request.get_value(STATUS_BUTTON_GPIO) is Value.ACTIVE:
                    self._on_held()
        except OSError as fault:
            log.warning("Button on GPIO %s stopped: %s", STATUS_BUTTON_GPIO, fault)


def _request_line(devices: Path) -> gpiod.LineRequest:
    pressed_is_active = gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.BOTH,
        bias=Bias.PULL_UP,
        active_low=True,
        debounce_period=_DEBOUNCE,
    )
    reasons = []
    for device in sorted(devices.glob("gpiochip*")):
        try:
            with gpiod.Chip(str(device)) as chip:
                if chip.get_info().label in HEADER_CHIPS:
                    return chip.request_lines({STATUS_BUTTON_GPIO: pressed_is_active}, consumer="lampi-ui")
        except PermissionError:
            reasons.append(f"{device} can't be opened; add this user to the group gpio")
        except OSError as fault:
            busy = fault.errno == errno.EBUSY
            reasons.append(f"{device}: {'another program uses the line' if busy else fault.strerror}")
    raise NoButton("; ".join(reasons) or f"no GPIO chip of a Raspberry Pi in {devices}")
