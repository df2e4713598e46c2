"""When the screen dims: after a while without touch. Pure; time is an argument."""

from math import inf


class Rest:
    """Tells whether the screen is dimmed; ``after_seconds`` without touch it is, and 0 means never."""

    def __init__(self, after_seconds: float, now: float) -> None:
        self._after_seconds = after_seconds or inf
        self._stirred_at = now

    def stir(self, now: float) -> None:
        """Wake, or stay awake: something happened that a person did or should see."""
        self._stirred_at = now

    def dimmed(self, now: float) -> bool:
        """Tell whether the screen is dimmed at an instant."""
        return now >= self._dims_at

    def next_at(self, now: float) -> float:
        """Return when it will dim; infinity where it is dimmed already, or never will."""
        return inf if self.dimmed(now) else self._dims_at

    @property
    def _dims_at(self) -> float:
        return self._stirred_at + self._after_seconds
