"""Associating lamps with users, by their codes and by those of offers, and releasing them.

``source`` identifies where a request comes from (`cloud.store.sources`). It is written to the audit log, and wrong
codes are rate-limited by it.
"""

from datetime import datetime

import peewee

from cloud.db.database import write_transaction
from cloud.db.timestamps import utc_now
from cloud.errors import (
    AlreadyAssociated,
    BadUserName,
    NotAssociated,
    UnknownCode,
    UnknownUser,
)
from cloud.rate_limit import changes
from cloud.services import handover, lamps
from cloud.services.code_lookup import Match, lamp_of_match, look_up, match
from cloud.services.lamps import claim, enqueue_state, issue_codes
from cloud.store import audit_log, offers, state_requests, webhook_queue
from cloud.store.audit_log import AuditEvent, Reason
from cloud.store.codes import read_code
from cloud.store.lamps import DEFAULT_NAME, Lampi, User
from cloud.store.offers import Offer
from cloud.store.sources import SHELL
from cloud.store.users import looks_like
from cloud.store.webhook_queue import Kind


def associate_by_code(
    typed: str, user: User, now: datetime, source: str = SHELL, *, by_operator: bool = False
) -> Lampi:
    """Associate the lamp that has this code, or is offered by it, with a user and return it.

    The announced policy sets how long codes are valid and how many wrong guesses are tolerated. An expired code is
    unknown, even if it has not been rotated yet. Don't call this inside a transaction: a rollback would discard the
    count of wrong guesses. The user's changes are limited unless it is called ``by_operator``.

    Raises:
        MalformedCode: the text is not a well-formed code; not counted as a guess.
        UnknownCode: no unassociated lamp and no offer has this code.
        OwnOffer: it is the code of the user's own offer, which stays in force.
        TooManyGuesses: rate limit; the code was not checked. It carries the time to wait. A full code (32 characters)
            is always checked.
        TooManyChanges: rate limit; the code was not checked, or its lamp stays unassociated.
    """
    take = _take if by_operator else _take_counted
    return look_up(typed, user, now, source, lambda found: take(found, user, now, source), by_operator=by_operator)


def waiting_under(typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Return the unassociated lamp that has this code, or the lamp of the offer. A wrong code counts as a guess.

    Raises:
        MalformedCode, UnknownCode, TooManyGuesses: as in `associate_by_code`.
        TooManyChanges: rate limit; the user could not associate the lamp now.
    """
    return look_up(typed, user, now, source, lamp_of_match)


def associate_found(device_id: str, typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Associate a lamp found by `waiting_under`, if it still has that code.

    Not counted as a guess: call it only for a user who found the lamp by its code.

    Raises:
        UnknownCode: the code was rotated, the offer has ended, or another user was faster.
        OwnOffer: it is the user's own offer.
        TooManyChanges: rate limit.
    """
    found, lampi = match(read_code(typed), now, device_id), None
    if found is not None:
        changes.require_allowed(user, now)
        lampi = _take_counted(found, user, now, source)
    if lampi is None:
        raise UnknownCode
    return lampi


def still_waiting(device_id: str, typed: str, now: datetime) -> Lampi:
    """Return a lamp found by `waiting_under`, if it can still be associated by that code. Not counted as a guess.

    Raises:
        UnknownCode: the code was rotated or has expired, the lamp was associated, or the offer has ended.
    """
    found = match(read_code(typed), now, device_id)
    lampi = None if found is None else lamp_of_match(found)
    if lampi is None:
        raise UnknownCode
    return lampi


def _take(found: Match, user: User, now: datetime, source: str) -> Lampi | None:
    """Claim an unassociated lamp, or take an offer, and return the lamp; None for competitors who don't get it."""
    if isinstance(found, Offer):
        return handover.take(found, user, now, source)
    return claim(found, user, now, source)


def _take_counted(found: Match, user: User, now: datetime, source: str) -> Lampi | None:
    """Do it as a change of the user. Competitors who don't get the lamp spend nothing."""
    with write_transaction():
        lampi = _take(found, user, now, source)
        if lampi is not None:
            changes.count(user, now)
    return lampi


def associate_by_device_id(device_id: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Associate a lamp with a user without its code, for operators, and return it.

    Raises:
        UnknownLamp: no lamp has this device id.
        AlreadyAssociated: the lamp has an owner.
    """
    try:
        return lamps.associate(device_id, user, now, source)
    except AlreadyAssociated:
        with write_transaction(durable=False):
            audit_log.write(
                AuditEvent.REFUSED,
                now,
                source,
                device_id=device_id,
                user_name=user.name,
                reason=Reason.ALREADY_ASSOCIATED,
            )
        raise


def release(device_id: str, now: datetime, source: str = SHELL, event: AuditEvent = AuditEvent.RELEASED) -> None:
    """Remove a lamp's owner, end its offer, and issue a new code; ``event`` is how the audit log names it.

    Raises:
        UnknownLamp: no lamp has this device id.
        NotAssociated: the lamp has no owner.
    """
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is None:
            raise NotAssociated(f"The lamp {device_id} has no owner; its screen shows its code.")
        audit_log.write(event, now, source, device_id=device_id, user_name=lampi.user.name)
        webhook_queue.write(Kind.RELEASED, device_id, lampi.name, lampi.user.name, now)
        issue_codes([lampi], now)  # before the owner is removed: another lamp may have the same short code by now
        lampi.user = None
        lampi.associated_at = None
        lampi.name = DEFAULT_NAME  # the next owner must not see the previous owner's name for it
        lampi.save(only=[Lampi.user, Lampi.associated_at, Lampi.name])
        offers.end(device_id)
        state_requests.remove([device_id])  # from here on, the lamp is deaf to its former owner
        enqueue_state([lampi])


def rotate_code(device_id: str, now: datetime, source: str = SHELL) -> None:
    """Issue a new code for an unassociated lamp now.

    Raises:
        UnknownLamp: no lamp has this device id.
        AlreadyAssociated: the lamp has an owner and so no code.
    """
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is not None:
            raise AlreadyAssociated(f"The lamp {device_id} has an owner and therefore no code; release it first.")
        issue_codes([lampi], now)
        enqueue_state([lampi])
        audit_log.write(AuditEvent.ROTATED, now, source, device_id=device_id)


def forget(device_id: str, now: datetime | None = None, source: str = SHELL) -> Lampi:
    """Delete a lamp and withdraw its message; return the lamp as it was. If it connects again, it is registered as new.

    Raises:
        UnknownLamp: no lamp has this device id.
    """
    with write_transaction():
        forgotten = Lampi.named(device_id)
        lamps.delete([device_id], now or utc_now(), source)
    return forgotten


def add_user(name: str, now: datetime | None = None, source: str = SHELL) -> User:
    """Create a user. The name may look like an existing one (`look_alikes`): operators know whom they add.

    Raises:
        BadUserName: the name is empty, too long, not one printable line, or taken.
    """
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > User.name.max_length:
        raise BadUserName("A username is one line of at most 150 characters, with no leading or trailing spaces.")
    try:
        with write_transaction():
            user: User = User.create(name=name)
            audit_log.write(AuditEvent.USER_ADDED, now or utc_now(), source, user_name=name)
    except peewee.IntegrityError:
        raise BadUserName("The username %(name)s is already taken.", name=name) from None
    return user


def look_alikes(user: User) -> list[User]:
    """Return the other users whose names look like this user's."""
    return list(User.select().where(looks_like(user.name) & (User.id != user.id)).order_by(User.name))


def users() -> list[User]:
    """Return all users in the order of their names."""
    return list(User.select().order_by(User.name))


def user_named(name: str) -> User:
    """Return the user with this name.

    Raises:
        UnknownUser: no user has this name.
    """
    user: User | None = User.get_or_none(User.name == name) if name.isprintable() else None
    if user is None:
        raise UnknownUser(f"There is no user {name!r}; create one with 'lampi-cloud user add'.")
    return user
