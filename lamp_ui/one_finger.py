"""One finger at a time, and one tap once: what several touches mean on a lamp. Pure; time is an argument.

A Pi often delivers one finger twice, by mtdev and as an emulated mouse (kivy#3801), at once or one after the other.
"""

from dataclasses import dataclass
from math import hypot

ECHO_SECONDS = 0.3
"""How long after a finger another device may still deliver the same tap."""

ECHO_REACH = 30.0
"""Within how many units of it."""

LOST_SECONDS = 10.0
"""A finger that is not heard of for so long is gone: the event that lifted it was lost."""


@dataclass(frozen=True)
class Down:
    """A touch that came down: ``uid`` is its own, ``device`` that of what delivered it, the place in units."""

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
        """Tell whether a touch that comes down counts: not a second finger, and not the same tap again."""
        if self._down is not None and now < self._heard_at + LOST_SECONDS:
            return False
        if self._is_echo(down, now):
            return False
        self._down = self._last = down
        self._heard_at = now
        return True

    def moved(self, uid: int, now: float) -> None:
        """Note that a touch is still there."""
        if self._down is not None and self._down.uid == uid:
            self._heard_at = now

    def lifted(self, uid: int, now: float) -> None:
        """Note that a touch has ended."""
        if self._down is not None and self._down.uid == uid:
            self._down = None
            self._heard_at = now

    def _is_echo(self, down: Down, now: float) -> bool:
        last = self._last
        if last is None or last.device == down.device or now >= self._heard_at + ECHO_SECONDS:
            return False
        return hypot(down.x - last.x, down.y - last.y) <= ECHO_REACH
