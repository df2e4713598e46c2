"""The remaining lifetime of the code on the screen, as far as it is known. Pure; time is an argument."""

from dataclasses import dataclass
from math import ceil, inf

from shared.protocol.payloads import Associated, Unassociated

ANNOUNCED_SECONDS = 60.0
"""How long before its end the screen announces that a code expires: enough to finish typing, or to wait."""

STEP_SECONDS = 10
"""The step in which the remaining time is shown: a number that changes every second distracts."""


@dataclass(frozen=True)
class CodeAge:
    """Whether the code should have been replaced, and how long it is still valid: None if that is long or unknown."""

    expired: bool
    seconds_left: int | None


class CodeLifetime:
    """Counts a code's lifetime from the moment it was issued, if the screen was connected at that moment.

    The first message after a start, or after a lost connection to the lamp's broker or from there to the cloud, may
    have been retained for a long time. The age of its code is unknown, and its end is not announced.
    """

    def __init__(self) -> None:
        self._code: str | None = None
        self._issued_at: float | None = None
        self._expires_at = inf
        self._may_be_old = True

    def connect(self) -> None:
        """Record that the next message may be an old one."""
        self._may_be_old = True

    def receive(self, association: Unassociated | Associated | None, now: float) -> None:
        """Process the lamp's association."""
        code = association.code if isinstance(association, Unassociated) else None
        good_for = association.good_for if isinstance(association, Unassociated) else None
        if code != self._code:
            self._code, self._issued_at = code, None if self._may_be_old else now
        self._expires_at = inf if good_for is None or self._issued_at is None else self._issued_at + good_for
        self._may_be_old = False

    def expired(self, now: float) -> bool:
        """Return whether the code should have been replaced by now."""
        return now >= self._expires_at

    def at(self, now: float) -> CodeAge:
        """Return the code's age; ``seconds_left`` is rounded up to a step."""
        left = self._expires_at - now
        announced = 0 < left <= ANNOUNCED_SECONDS
        return CodeAge(self.expired(now), ceil(left / STEP_SECONDS) * STEP_SECONDS if announced else None)

    def next_at(self, now: float) -> float:
        """Return when `at` or `expired` will next return something else; infinity for never."""
        left = self._expires_at - now
        if left <= 0 or left == inf:
            return inf
        if left > ANNOUNCED_SECONDS:
            return self._expires_at - ANNOUNCED_SECONDS
        return self._expires_at - STEP_SECONDS * (ceil(left / STEP_SECONDS) - 1)
