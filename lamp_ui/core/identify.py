"""When the screen says that this is the lamp: for some seconds after somebody asked. Pure; time is an argument."""

from math import inf

from shared.protocol.payloads import Associated, Unassociated

LONGEST_SECONDS = 12.0
"""For how long at most, should the word that ends it never come; longer than the cloud asks for."""


class Identify:
    """Goes by the change of the message's `identify`, and not by a clock: a lamp's own may be wrong."""

    def __init__(self) -> None:
        self._last_asked: str | None = None
        self._until = -inf

    def hear(
        self, before: Unassociated | Associated | None, association: Unassociated | Associated | None, now: float
    ) -> bool:
        """Take in where the lamp stood and where it stands; return whether somebody asks which lamp this is.

        Where nothing was known before, as after a start, it may be long ago that somebody asked.
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
        """Tell whether the screen says it at an instant."""
        return now < self._until

    def next_at(self, now: float) -> float:
        """Return when it ends; infinity where it is not shown."""
        return self._until if self.shown(now) else inf
