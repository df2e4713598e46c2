"""Healing at one go what a broker lost."""

from datetime import datetime

from cloud.agreement.healing import Healing, SaidBefore


def heal(after: int, now: datetime, before: SaidBefore | None = None) -> int:
    """Have all told again that was last said after a version, and return how many messages that is."""
    healing = Healing(after, before or SaidBefore.now())
    while not healing.done:
        healing.step(now)
    return healing.told
