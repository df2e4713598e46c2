"""A GPIO chip without hardware: stands in for gpiod's chip and line request.

A device is a file that holds the chip's label, as in ``make_chip(folder, "pinctrl-bcm2835")``.
"""

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import gpiod
from gpiod.line import Value

BUSY = "busy"
"""Part of the label of a chip whose lines another program holds."""


def make_chip(devices: Path, label: str = "pinctrl-bcm2835", name: str = "gpiochip0") -> Path:
    device = devices / name
    device.write_text(label)
    return device


class FakeRequest:
    """A requested line; `press` and `release` are what a finger does."""

    def __init__(self, settings: dict[int, gpiod.LineSettings]) -> None:
        self.settings = settings
        self.released = False
        self.was_read = threading.Event()
        self._ready = os.eventfd(0, os.EFD_NONBLOCK)
        self._events: list[gpiod.EdgeEvent] = []
        self._value = Value.INACTIVE

    def press(self) -> None:
        self._value = Value.ACTIVE
        self._tell(gpiod.EdgeEvent.Type.RISING_EDGE)

    def let_go(self, *, is_reported: bool = True) -> None:
        self._value = Value.INACTIVE
        if is_reported:
            self._tell(gpiod.EdgeEvent.Type.FALLING_EDGE)

    def vanish(self) -> None:
        """Do what a chip does that is gone: reads fail."""
        self._events = []
        os.eventfd_write(self._ready, 1)

    def fileno(self) -> int:
        return self._ready

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        os.eventfd_read(self._ready)
        if not self._events:
            raise OSError(19, "No such device")
        events, self._events = self._events, []
        return events

    def get_value(self, _line: int) -> Value:
        self.was_read.set()
        return self._value

    def release(self) -> None:
        self.released = True
        os.close(self._ready)

    def _tell(self, kind: gpiod.EdgeEvent.Type) -> None:
        (offset,) = self.settings
        self._events.append(gpiod.EdgeEvent(kind.value, time.monotonic_ns(), offset, 0, 0))
        os.eventfd_write(self._ready, 1)


class FakeChip:
    """Takes the place of `gpiod.Chip`; ``requests`` has the lines that were requested of any."""

    requests: list[FakeRequest]

    def __init__(self, path: str) -> None:
        self._label = Path(path).read_text()
        if self._label == "refused":
            raise PermissionError(13, "Permission denied")

    def get_info(self) -> gpiod.ChipInfo:
        return gpiod.ChipInfo("gpiochip", self._label.removesuffix(BUSY), 54)

    def request_lines(self, config: dict[int, gpiod.LineSettings], consumer: str) -> FakeRequest:
        assert consumer == "lampi-ui"
        if self._label.endswith(BUSY):
            raise OSError(16, "Device or resource busy")
        self.requests.append(FakeRequest(config))
        return self.requests[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
