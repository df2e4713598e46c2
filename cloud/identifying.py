"""Identifying: an unclaimed lamp shows for some seconds that it is the one, before it is claimed.

The database says until when. As long as it says so, the lamp's retained message has the member `identify`; the daemon
takes it out again, so that a lamp which connects later does not show what nobody asks for any more.
"""

from datetime import datetime, timedelta

from cloud.bulk import ROWS_A_STATEMENT
from cloud.database import run_sql, write_transaction
from cloud.errors import AlreadyAssociated
from cloud.instants import stored
from cloud.models import Lampi

IDENTIFY_FOR = timedelta(seconds=10)
"""Also the least time between two starts: a lamp lights up at most once in it, however often its page is opened."""

CLOCK_SLACK = timedelta(seconds=2)
"""How far the clocks of the machines that share a database may differ."""


def identify(device_id: str, now: datetime) -> Lampi:
    """Have a lamp's screen show that it is the one, and return the lamp.

    Asked again before it is over, nothing changes: however often a lamp is asked, its message is said twice in
    `IDENTIFY_FOR` at most.

    Raises:
        UnknownLamp: there is no such lamp.
        AlreadyAssociated: it has an owner, and shows its own screen.
    """
    if _is_asked(lampi := Lampi.named(device_id), now):  # without the write lock, which a flood would take from others
        return lampi
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is not None:
            raise AlreadyAssociated(f"The lamp {device_id} has an owner; only one that nobody owns shows which it is.")
        if not _is_asked(lampi, now):
            lampi.identify_until = now + IDENTIFY_FOR
            lampi.save(only=[Lampi.identify_until])
            Lampi.tell([lampi])
    return lampi


def end_identifying(now: datetime) -> list[str]:
    """Take the member out of the messages of up to a batch of lamps for which it is over; return the lamps' ids."""
    # What lies too far ahead was written by a clock that was wrong.
    too_far = now + IDENTIFY_FOR + CLOCK_SLACK
    over = "SELECT 1 FROM lampi WHERE identify_until <= ? OR identify_until > ? ORDER BY identify_until LIMIT 1"
    if not run_sql(over, stored(now), stored(too_far)):
        return []
    shown = Lampi.select().where((Lampi.identify_until <= now) | (Lampi.identify_until > too_far))
    with write_transaction():
        lamps = list(shown.limit(ROWS_A_STATEMENT))
        Lampi.update(identify_until=None).where(Lampi.device_id.in_([lampi.device_id for lampi in lamps])).execute()
        for lampi in lamps:
            lampi.identify_until = None
        Lampi.tell(lamps)
    return [lampi.device_id for lampi in lamps]


def _is_asked(lampi: Lampi, now: datetime) -> bool:
    until: datetime | None = lampi.identify_until
    return lampi.user_id is None and until is not None and now < until <= now + IDENTIFY_FOR + CLOCK_SLACK
