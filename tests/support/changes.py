"""A user who has made all changes that the rate limit allows."""

from datetime import datetime

from cloud.rate_limit.changes import BURST, REFILL, ChangeBucket
from cloud.store.lamps import User


def use_up_changes(user: User, now: datetime, *, but: int = 0) -> None:
    """Leave a user ``but`` changes."""
    ChangeBucket.delete().where(ChangeBucket.user == user).execute()
    ChangeBucket.create(user=user, full_at=now + (BURST - but) * REFILL)
