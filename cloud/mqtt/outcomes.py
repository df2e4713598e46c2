"""Outcomes of publications."""

from dataclasses import dataclass, field


@dataclass
class Outcomes:
    """Outcomes of publications, by their numbers.

    ``refused`` has pairs of number and reason code. ``over_quota`` were refused because too many messages were in
    flight; the window has been reduced since, so they can be sent again at once.
    """

    accepted: list[int] = field(default_factory=list)
    refused: list[tuple[int, int]] = field(default_factory=list)
    over_quota: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.accepted or self.refused or self.over_quota)

    def has(self, number: int) -> bool:
        """Return whether there is an outcome for this number."""
        return number in self.accepted or number in self.over_quota or any(number == each for each, _ in self.refused)
