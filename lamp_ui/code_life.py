"""How long the code on the screen is still good, as far as the screen can know. Pure; time is an argument."""

from math import ceil, inf

from shared.payloads import Associated, Unassociated

ANNOUNCED_SECONDS = 60.0
"""How long before a code lapses the screen says so: time to finish typing, or to wait for the next one."""

STEP_SECONDS = 10
"""In what steps the time that is left is shown: nobody types faster for a number that changes each second."""


class CodeLife:
    """Counts a code's lifetime from when it was issued, where the screen was there to hear that.

    The first message after a start or a lost connection, to the lamp's broker or between it and the cloud's, may have
    been retained for long. Of a code that comes with it the age is not known, and nothing is said about its end.
    """

    def __init__(self) -> None:
        self._code: str | None = None
        self._issued_at: float | None = None
        self._lapses_at = inf
        self._may_be_old = True

    def connect(self) -> None:
        """Note that the next message may be an old one."""
        self._may_be_old = True

    def hear(self, association: Unassociated | Associated | None, now: float) -> None:
        """Take in where the lamp stands."""
        code = association.code if isinstance(association, Unassociated) else None
        good_for = association.good_for if isinstance(association, Unassociated) else None
        if code != self._code:
            self._code, self._issued_at = code, None if self._may_be_old else now
        self._lapses_at = inf if good_for is None or self._issued_at is None else self._issued_at + good_for
        self._may_be_old = False

    def lapsed(self, now: float) -> bool:
        """Tell whether the code should have been replaced by now."""
        return now >= self._lapses_at

    def seconds_left(self, now: float) -> int | None:
        """Return how long the code is still good, rounded up to a step; None while that is long, or not known."""
        left = self._lapses_at - now
        return ceil(left / STEP_SECONDS) * STEP_SECONDS if 0 < left <= ANNOUNCED_SECONDS else None

    def next_at(self, now: float) -> float:
        """Return when `seconds_left` or `lapsed` will next say something else; infinity for never."""
        left = self._lapses_at - now
        if left <= 0 or left == inf:
            return inf
        if left > ANNOUNCED_SECONDS:
            return self._lapses_at - ANNOUNCED_SECONDS
        return self._lapses_at - STEP_SECONDS * (ceil(left / STEP_SECONDS) - 1)
