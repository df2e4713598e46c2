"""Detects problems of a connection that the broker accepts. Pure; time is an argument."""

from collections.abc import Callable
from enum import Enum, auto
from math import inf

FIRST_PAUSE_SECONDS = 1
LONGEST_PAUSE_SECONDS = 30

STEADY_SECONDS = 2.0 * LONGEST_PAUSE_SECONDS
"""How long a connection must have lasted for the next pause to be the first one again. Two clients with one id, each of
which waits for its longest pause, disconnect each other within less than this."""

RIVAL_AFTER = 3
"""After so many short connections in a row, another client is assumed to use the same id."""


class Trouble(Enum):
    """A fault that reconnecting does not fix, although the broker accepts the connection."""

    REFUSED = auto()
    """The broker refuses a subscription, so its messages never arrive."""
    TAKEN_OVER = auto()
    """The broker ends each connection soon: another client has the same id, and each disconnects the other."""


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
        """The least number of seconds to wait before the next attempt."""
        return int(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** max(0, self._brief - RIVAL_AFTER + 1)))

    def accepted(self, now: float) -> None:
        """Note that the broker accepted a connection."""
        self._was_cut = False
        self._accepted_at = now
        self._have(Trouble.TAKEN_OVER if self._has_rival else None)

    def refused(self) -> None:
        """Record that it refuses a subscription over this connection."""
        self._have(Trouble.REFUSED)

    def lost(self, now: float) -> bool:
        """Note that the connection ended; return whether from now on another client with our id is suspected."""
        self._brief = 0 if self._steady(now) or self._was_cut else self._brief + 1
        self._accepted_at = inf
        is_news = self._has_rival and self._trouble is not Trouble.TAKEN_OVER
        self._have(Trouble.TAKEN_OVER if self._has_rival else None)
        return is_news

    def cut(self) -> None:
        """Note that we end the connection, because the broker does not respond: no sign of another client."""
        self._was_cut = True

    def failed(self) -> None:
        """Record that the broker could not be reached, which explains the earlier short connections."""
        self._brief = 0
        self._have(None)

    def tick(self, now: float) -> None:
        """Record that a connection is still up."""
        if self._trouble is Trouble.TAKEN_OVER and self._steady(now):
            self._have(None)

    @property
    def _has_rival(self) -> bool:
        return self._brief >= RIVAL_AFTER

    def _steady(self, now: float) -> bool:
        return now >= self._accepted_at + STEADY_SECONDS

    def _have(self, trouble: Trouble | None) -> None:
        if trouble is not self._trouble:
            self._trouble = trouble
            self._on_trouble(trouble)
