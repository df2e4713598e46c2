"""Filters touches: one finger is tracked at a time, and each tap counts once. Pure; time is an argument.

A Pi often reports one finger twice, by mtdev and as an emulated mouse (kivy#3801), simultaneously or in sequence.
"""

from dataclasses import dataclass
from math import hypot

ECHO_SECONDS = 0.3
"""How long after a touch another device may report the same tap."""

ECHO_REACH = 30.0
"""The distance, in units, within which it counts as the same tap."""

LOST_SECONDS = 10.0
"""How long without an event until a new finger replaces the one that is down, whose touch-up may have been lost.

A finger that rests on the screen sends no events either. It is tracked until another finger touches the screen.
"""


@dataclass(frozen=True)
class Down:
    """A touch-down: the touch's ``uid``, the input device that reported it, and the position in units."""

    uid: int
    device: str
    x: float
    y: float


class OneFinger:
    """Decides which touches count."""

    def __init__(self) -> None:
        self._down: Down | None = None
        self._last: Down | None = None
        self._heard_at = 0.0

    def takes(self, down: Down, now: float) -> bool:
        """Return whether a touch-down counts; False for a second finger, and for the same tap again.

        A touch that counts replaces the one before it, whose later events don't count.
        """
        if self._down is not None and now < self._heard_at + LOST_SECONDS:
            return False
        if self._is_echo(down, now):
            return False
        self._down = self._last = down
        self._heard_at = now
        return True

    def moved(self, uid: int, now: float) -> None:
        """Record that a touch has moved."""
        if self._down is not None and self._down.uid == uid:
            self._heard_at = now

    def lifted(self, uid: int, now: float) -> bool:
        """Record that a touch has ended; return whether it was the one that counts."""
        if self._down is None or self._down.uid != uid:
            return False
        self._down = None
        self._heard_at = now
        return True

    def _is_echo(self, down: Down, now: float) -> bool:
        last = self._last
        if last is None or last.device == down.device or now >= self._heard_at + ECHO_SECONDS:
            return False
        return hypot(down.x - last.x, down.y - last.y) <= ECHO_REACH
