"""Idle dimming: when the screen dims without a touch. Pure; time is an argument."""

from math import inf


class IdleDimming:
    """Decides whether the screen is dimmed: after ``after_seconds`` without touch, or never if 0."""

    def __init__(self, after_seconds: float, now: float) -> None:
        self._after_seconds = after_seconds or inf
        self._active_at = now
        self._held = False

    def wake(self, now: float) -> None:
        """Wake the screen or keep it awake: the user did something, or should see something."""
        self._active_at = now

    def hold(self, held: bool) -> None:
        """Keep the screen awake while a finger is down."""
        self._held = held

    def dimmed(self, now: float) -> bool:
        """Return whether the screen is dimmed at a time."""
        return now >= self._dims_at

    def next_at(self, now: float) -> float:
        """Return when it will dim; infinity if it is already dimmed or never dims."""
        return inf if self.dimmed(now) else self._dims_at

    @property
    def _dims_at(self) -> float:
        return inf if self._held else self._active_at + self._after_seconds
