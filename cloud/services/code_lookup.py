"""Looking up the code that a user entered: an unassociated lamp's or an offer's, within the limits on wrong codes."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from peewee import Expression

from cloud.db.database import write_transaction
from cloud.errors import TooManyGuesses, UnknownCode
from cloud.rate_limit import changes, throttle
from cloud.rate_limit.policy import announced
from cloud.rate_limit.throttle import Guess
from cloud.store.codes import read_code
from cloud.store.lamps import Lampi, User
from cloud.store.offers import Offer

Match: TypeAlias = Expression | Offer
"""What has a code: the condition that selects the unassociated lamp, or the offer in force."""


def match(code: str, now: datetime, device_id: str | None = None) -> Match | None:
    """Return what has this code, of the lamp with this device id if it is given, or None.

    A lamp comes before an offer: the person stands in front of it.
    """
    which = Lampi.waits_under(code, announced().live_since(now))
    if which is not None:
        waiting: Match = which if device_id is None else which & (Lampi.device_id == device_id)
        return waiting
    offer = Offer.stands_under(code, now)
    return offer if offer is not None and device_id in (None, offer.device_id) else None


def lamp_of_match(found: Match) -> Lampi | None:
    """Return the lamp, or None if it can no longer be had by this code."""
    if isinstance(found, Offer):
        found = (Lampi.device_id == found.device_id) & (Lampi.user == found.user_id)
    lampi: Lampi | None = Lampi.get_or_none(found)
    return lampi


def look_up(
    typed: str,
    user: User,
    now: datetime,
    source: str,
    find: Callable[[Match], Lampi | None],
    *,
    by_operator: bool = False,
) -> Lampi:
    """Return what ``find``, called in a write transaction, returns for what has this code. A wrong code is counted.

    Raises:
        MalformedCode, UnknownCode, TooManyGuesses, TooManyChanges: see `cloud.services.claiming.associate_by_code`.
    """
    code = read_code(typed)
    if not by_operator:
        changes.require_allowed(user, now)
    guess = Guess(len(code), user.id, user.name, source, now, announced())
    wait, lampi = throttle.wait_for(guess), None  # before the lock: rate-limited attempts must not contend for it
    found = match(code, now) if wait is None else None
    if found is not None:
        with write_transaction():
            wait = throttle.wait_for(guess)
            if wait is None:
                lampi = find(found)
    if wait is None and lampi is None:
        with write_transaction(durable=False):
            wait = throttle.wait_for(guess)
            if wait is None:
                throttle.count_failure(guess)
    if wait is not None:
        throttle.note_throttled(guess)
        raise TooManyGuesses(wait)
    if lampi is None:
        raise UnknownCode
    return lampi
