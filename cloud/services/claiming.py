"""Associating lamps with users and releasing them.

``source`` identifies where a request comes from (`cloud.store.sources`). It is written to the audit log, and wrong
codes are rate-limited by it.
"""

from collections.abc import Callable
from datetime import datetime

import peewee
from peewee import Expression

from cloud.db.database import write_transaction
from cloud.db.timestamps import utc_now
from cloud.errors import (
    AlreadyAssociated,
    BadUserName,
    NotAssociated,
    TooManyGuesses,
    UnknownCode,
    UnknownUser,
)
from cloud.rate_limit import throttle
from cloud.rate_limit.policy import announced
from cloud.rate_limit.throttle import Guess
from cloud.services import lamps
from cloud.services.lamps import claim, enqueue_state, issue_codes
from cloud.store import audit_log, webhook_queue
from cloud.store.audit_log import AuditEvent, Reason
from cloud.store.codes import read_code
from cloud.store.lamps import DEFAULT_NAME, Lampi, User
from cloud.store.sources import SHELL
from cloud.store.webhook_queue import Kind


def associate_by_code(typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Associate the lamp that has this code with a user and return it.

    The announced policy sets how long codes are valid and how many wrong guesses are tolerated. An expired code is
    unknown, even if it has not been rotated yet. Don't call this inside a transaction: a rollback would discard the
    count of wrong guesses.

    Raises:
        MalformedCode: the text is not a well-formed code; not counted as a guess.
        UnknownCode: no unassociated lamp has this code.
        TooManyGuesses: rate limit; the code was not checked. It carries the time to wait. A full code (32 characters)
            is always checked.
    """
    return _look_up(typed, user, now, source, lambda which: claim(which, user, now, source))


def waiting_under(typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Return the unassociated lamp that has this code. A wrong code counts as a guess.

    Raises:
        MalformedCode, UnknownCode, TooManyGuesses: as in `associate_by_code`.
    """
    return _look_up(typed, user, now, source, Lampi.get_or_none)


def associate_found(device_id: str, typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Associate a lamp found by `waiting_under`, if it still has that code.

    Not counted as a guess: call it only for a user who found the lamp by its code.

    Raises:
        UnknownCode: the code was rotated, or another user was faster.
    """
    which = Lampi.waits_under(read_code(typed), announced().live_since(now))
    lampi = claim(which & (Lampi.device_id == device_id), user, now, source) if which is not None else None
    if lampi is None:
        raise UnknownCode
    return lampi


def still_waiting(device_id: str, typed: str, now: datetime) -> Lampi:
    """Return a lamp found by `waiting_under`, if it still has that code and no owner. Not counted as a guess.

    Raises:
        UnknownCode: the code was rotated or has expired, or the lamp was associated.
    """
    which = Lampi.waits_under(read_code(typed), announced().live_since(now))
    lampi: Lampi | None = Lampi.select().where(which & (Lampi.device_id == device_id)).first() if which else None
    if lampi is None:
        raise UnknownCode
    return lampi


def _look_up(typed: str, user: User, now: datetime, source: str, find: Callable[[Expression], Lampi | None]) -> Lampi:
    code = read_code(typed)
    policy = announced()
    guess = Guess(len(code), user.id, user.name, source, now, policy)
    wait, lampi = throttle.wait_for(guess), None  # before the lock: rate-limited attempts must not contend for it
    which = Lampi.waits_under(code, policy.live_since(now)) if wait is None else None
    if which is not None:
        with write_transaction():
            wait = throttle.wait_for(guess)
            if wait is None:
                lampi = find(which)
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


def release(device_id: str, now: datetime, source: str = SHELL) -> None:
    """Remove a lamp's owner and issue a new code.

    Raises:
        UnknownLamp: no lamp has this device id.
        NotAssociated: the lamp has no owner.
    """
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is None:
            raise NotAssociated(f"The lamp {device_id} has no owner; its screen shows its code.")
        audit_log.write(AuditEvent.RELEASED, now, source, device_id=device_id, user_name=lampi.user.name)
        webhook_queue.write(Kind.RELEASED, device_id, lampi.name, lampi.user.name, now)
        issue_codes([lampi], now)  # before the owner is removed: another lamp may have the same short code by now
        lampi.user = None
        lampi.associated_at = None
        lampi.name = DEFAULT_NAME  # the next owner must not see the previous owner's name for it
        lampi.save(only=[Lampi.user, Lampi.associated_at, Lampi.name])
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


def forget(device_id: str, now: datetime | None = None, source: str = SHELL) -> None:
    """Delete a lamp and clear its retained message. If it connects again, it is registered as new.

    Raises:
        UnknownLamp: no lamp has this device id.
    """
    with write_transaction():
        Lampi.named(device_id)
        lamps.delete(device_id, now or utc_now(), source)


def add_user(name: str, now: datetime | None = None, source: str = SHELL) -> User:
    """Create a user.

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
        raise BadUserName(f"The username {name} is already taken.") from None
    return user


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
