"""Identification: when the screen says that this is the lamp. Pure; time is an argument."""

from math import inf

from shared.protocol.payloads import Associated, Unassociated

LONGEST_SECONDS = 12.0
"""Maximum duration if the message that ends it never arrives; longer than the cloud requests."""


class Identify:
    """Decides when the lamp identifies itself.

    It is triggered by a change of the message's `identify`, not by the clock, which may be wrong on a lamp.
    """

    def __init__(self) -> None:
        self._last_asked: str | None = None
        self._until = -inf

    def receive(
        self, before: Unassociated | Associated | None, association: Unassociated | Associated | None, now: float
    ) -> bool:
        """Process a change of the association; return whether identification is requested.

        A request in the first message after a start doesn't count: it may be old.
        """
        asked = association.identify if isinstance(association, Unassociated) else None
        if asked is None:
            self._until = -inf
            return False
        is_new = asked != self._last_asked
        self._last_asked = asked
        if not is_new or before is None:
            return False
        self._until = now + LONGEST_SECONDS
        return True

    def shown(self, now: float) -> bool:
        """Return whether the screen shows it at a time."""
        return now < self._until

    def next_at(self, now: float) -> float:
        """Return when it ends; infinity if it is not shown."""
        return self._until if self.shown(now) else inf
