"""Identify: an unassociated lamp lights up its screen for a few seconds, so that the user can tell which lamp it is.

While ``identify_until`` is set, the lamp's retained message has the member `identify`. The daemon removes it
afterwards, so that a lamp that connects later does not identify itself for an old request.
"""

from datetime import datetime, timedelta

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import run_sql, write_transaction
from cloud.db.timestamps import latest, stored
from cloud.errors import AlreadyAssociated
from cloud.rate_limit import changes
from cloud.services.lamps import enqueue_state
from cloud.store.lamps import Lampi, User

IDENTIFY_FOR = timedelta(seconds=10)
"""Also the minimum interval between two starts: a lamp lights up at most once in it, however often its page is
opened."""


def identify(device_id: str, now: datetime, user: User | None = None) -> Lampi:
    """Have an unassociated lamp identify itself, and return it.

    It counts as a change of ``user``, or of no one for an operator.

    While it is already doing so, this changes nothing: a lamp's message is published at most twice within
    `IDENTIFY_FOR`, however often it is requested.

    Raises:
        UnknownLamp: no lamp has this device id.
        AlreadyAssociated: the lamp has an owner.
        TooManyChanges: the user's rate limit.
    """
    if is_identifying(
        lampi := Lampi.named(device_id), now
    ):  # before the write lock, which a flood of requests would hold
        return lampi
    if user is not None:
        changes.require_allowed(user, now)
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is not None:
            raise AlreadyAssociated(f"The lamp {device_id} has an owner; only a lamp without one can identify itself.")
        if not is_identifying(lampi, now):
            if user is not None:
                changes.count(user, now)
            lampi.identify_until = now + IDENTIFY_FOR
            lampi.save(only=[Lampi.identify_until])
            enqueue_state([lampi])
    return lampi


def end_identifying(now: datetime) -> list[str]:
    """Remove `identify` from the messages of up to one batch of lamps whose time is over; return their device ids."""
    too_far = latest(now + IDENTIFY_FOR)
    over = "SELECT 1 FROM lampi WHERE identify_until <= ? OR identify_until > ? ORDER BY identify_until LIMIT 1"
    if not run_sql(over, stored(now), stored(too_far)):
        return []
    shown = Lampi.select().where((Lampi.identify_until <= now) | (Lampi.identify_until > too_far))
    with write_transaction():
        lamps = list(shown.limit(ROWS_A_STATEMENT))
        Lampi.update(identify_until=None).where(Lampi.device_id.in_([lampi.device_id for lampi in lamps])).execute()
        for lampi in lamps:
            lampi.identify_until = None
        enqueue_state(lamps)
    return [lampi.device_id for lampi in lamps]


def is_identifying(lampi: Lampi, now: datetime) -> bool:
    """Return whether a lamp is identifying itself, if it and the daemon are connected."""
    until: datetime | None = lampi.identify_until
    return lampi.user_id is None and until is not None and now < until <= latest(now + IDENTIFY_FOR)
