"""Detects problems of connections that the broker accepts. Pure; time is an argument."""

from collections.abc import Callable
from enum import Enum, auto
from math import inf

FIRST_PAUSE_SECONDS = 1
LONGEST_PAUSE_SECONDS = 30

STEADY_SECONDS = 2.0 * LONGEST_PAUSE_SECONDS
"""How long a connection must last to reset the backoff. Two clients with the same id disconnect each other sooner than
this, even if both wait for the longest pause."""

RIVAL_AFTER = 3
"""Number of short connections in a row after which another client with the same id is assumed."""


class Trouble(Enum):
    """A fault that reconnecting does not fix, although the broker accepts the connection."""

    REFUSED = auto()
    """The broker refuses a subscription, so its messages never arrive."""
    TAKEN_OVER = auto()
    """The broker ends each connection soon: two clients with the same id disconnect each other."""


class TroubleWatch:
    """Watches connections; ``on_trouble`` gets each change of the trouble, None once it is resolved."""

    def __init__(self, on_trouble: Callable[[Trouble | None], None]) -> None:
        self._on_trouble = on_trouble
        self._trouble: Trouble | None = None
        self._accepted_at = inf
        self._brief = 0
        self._was_cut = False

    @property
    def pause(self) -> int:
        """Minimum number of seconds to wait before the next attempt."""
        return int(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** max(0, self._brief - RIVAL_AFTER + 1)))

    def accepted(self, now: float) -> None:
        """Record that the broker accepted a connection."""
        self._was_cut = False
        self._accepted_at = now
        self._set(Trouble.TAKEN_OVER if self._has_rival else None)

    def refused(self) -> None:
        """Record that the broker refuses a subscription."""
        self._set(Trouble.REFUSED)

    def lost(self, now: float) -> bool:
        """Record that the connection ended; return True when another client with our id becomes suspected."""
        self._brief = 0 if self._steady(now) or self._was_cut else self._brief + 1
        self._accepted_at = inf
        is_new = self._has_rival and self._trouble is not Trouble.TAKEN_OVER
        self._set(Trouble.TAKEN_OVER if self._has_rival else None)
        return is_new

    def cut(self) -> None:
        """Record that the client ends the connection because the broker does not respond: no sign of a rival."""
        self._was_cut = True

    def failed(self) -> None:
        """Record that the broker is unreachable, which explains the earlier short connections."""
        self._brief = 0
        self._set(None)

    def tick(self, now: float) -> None:
        """Record that a connection is still up."""
        if self._trouble is Trouble.TAKEN_OVER and self._steady(now):
            self._set(None)

    @property
    def _has_rival(self) -> bool:
        return self._brief >= RIVAL_AFTER

    def _steady(self, now: float) -> bool:
        return now >= self._accepted_at + STEADY_SECONDS

    def _set(self, trouble: Trouble | None) -> None:
        if trouble is not self._trouble:
            self._trouble = trouble
            self._on_trouble(trouble)
