"""When a press of the button counts as holding it. Pure; time is an argument."""

_NS = 1_000_000_000


class Hold:
    """Decides when a press has lasted long enough; times are nanoseconds of one monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._ns = round(seconds * _NS)
        self._pressed_at: int | None = None

    def press(self, at: int) -> None:
        """Start a press. A second press without a release, whose event was lost, starts over."""
        self._pressed_at = at

    def release(self, at: int) -> bool:
        """End the press; return whether it had lasted long enough and `expire` has not reported it."""
        was_held = self.expire(at)
        self._pressed_at = None
        return was_held

    def seconds_left(self, now: int) -> float | None:
        """Return the seconds until the press counts as held, at least 0; None while no press is under way."""
        return None if self._pressed_at is None else max(0, self._pressed_at + self._ns - now) / _NS

    def expire(self, now: int) -> bool:
        """Return True once for each press that has lasted long enough."""
        if self.seconds_left(now) != 0:
            return False
        self._pressed_at = None
        return True
