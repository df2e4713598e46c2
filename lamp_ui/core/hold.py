"""When a press of a button counts as holding it. Pure; time is an argument."""

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

    def share(self, now: int) -> float:
        """Return the share of the time that the press has lasted, from 0 to 1; 0 while no press is under way."""
        left = self.seconds_left(now)
        return 0 if left is None else 1 - left * _NS / self._ns

    def expire(self, now: int) -> bool:
        """Return True once for each press that has lasted long enough."""
        if self.seconds_left(now) != 0:
            return False
        self._pressed_at = None
        return True
