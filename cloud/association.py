"""The association service: a code and a user go in, a lamp gets an owner; and the way back.

``source`` says where a request comes from (`cloud.guessing.sources`): history keeps it, and wrong codes are counted by
it.
"""

from collections.abc import Callable
from datetime import datetime

import peewee
from peewee import Expression

from cloud import history
from cloud.codes import read_code
from cloud.database import write_transaction
from cloud.errors import (
    AlreadyAssociated,
    BadUserName,
    NotAssociated,
    TooManyGuesses,
    UnknownCode,
    UnknownUser,
)
from cloud.guessing import throttle
from cloud.guessing.policy import CodePolicy, announced
from cloud.guessing.sources import SHELL
from cloud.guessing.throttle import Guess
from cloud.history import Event, Reason
from cloud.instants import utc_now
from cloud.models import DEFAULT_NAME, Lampi, User
from cloud.webhook import events as webhook_events
from cloud.webhook.events import Kind


def associate_by_code(typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Give the lamp that waits under a typed code to a user, and return it.

    How long codes are good for and how many wrong ones are borne is the policy that the daemon announced. A code that
    has lapsed is unknown, whether or not it has been replaced yet. Don't call it inside a transaction: rolling that
    back would take back what was counted.

    Raises:
        MalformedCode: it can't be a code; this is not counted.
        UnknownCode: no unassociated lamp has it (any more).
        TooManyGuesses: it was not looked up, right or wrong, because too many codes were wrong; it says when to try
            again. A full code (32 characters) is always looked up.
    """
    return _look_up(typed, user, now, source, lambda which: Lampi.claim(which, user, now, source))


def waiting_under(typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Return the lamp that waits under a typed code, without giving it to anybody; a wrong one is a guess as any other.

    Raises:
        MalformedCode, UnknownCode, TooManyGuesses: as `associate_by_code` does.
    """
    return _look_up(typed, user, now, source, Lampi.get_or_none)


def associate_found(device_id: str, typed: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Give a lamp that `waiting_under` found to a user, if it still waits under that code.

    This is no guess and is not counted: call it only for who has found the lamp by the code.

    Raises:
        UnknownCode: it does not: the code was replaced, or somebody was faster.
    """
    which = Lampi.waits_under(read_code(typed), _issued_after(announced(), now))
    lampi = Lampi.claim(which & (Lampi.device_id == device_id), user, now, source) if which is not None else None
    if lampi is None:
        raise UnknownCode
    return lampi


def _look_up(typed: str, user: User, now: datetime, source: str, find: Callable[[Expression], Lampi | None]) -> Lampi:
    code = read_code(typed)
    policy = announced()
    guess = Guess(len(code), user.id, user.name, source, now, policy)
    wait, lampi = throttle.wait_for(guess), None  # without the lock: a flood of throttled attempts holds nobody up
    which = Lampi.waits_under(code, _issued_after(policy, now)) if wait is None else None
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


def _issued_after(policy: CodePolicy, now: datetime) -> datetime | None:
    return None if policy.ttl is None else now - policy.ttl


def associate_by_device_id(device_id: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
    """Give a lamp to a user without its code, for an operator, and return it.

    Raises:
        UnknownLamp: there is no such lamp.
        AlreadyAssociated: it has an owner.
    """
    lampi = Lampi.named(device_id)
    try:
        lampi.associate_and_publish_associated_msg(user, now, source)
    except AlreadyAssociated:
        with write_transaction(durable=False):
            history.write(
                Event.REFUSED,
                now,
                source,
                device_id=device_id,
                user_name=user.name,
                reason=Reason.ALREADY_ASSOCIATED,
            )
        raise
    return lampi


def release(device_id: str, now: datetime, source: str = SHELL) -> None:
    """Make a lamp nobody's again, with a new code.

    Raises:
        UnknownLamp: there is no such lamp.
        NotAssociated: nobody owns it.
    """
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is None:
            raise NotAssociated(f"Nobody owns the lamp {device_id}; its screen shows its code.")
        history.write(Event.RELEASED, now, source, device_id=device_id, user_name=lampi.user.name)
        webhook_events.write(Kind.RELEASED, device_id, lampi.name, lampi.user.name, now)
        Lampi.issue_codes([lampi], now)  # first: the short code of the old one may be a waiting lamp's by now
        lampi.user = None
        lampi.associated_at = None
        lampi.name = DEFAULT_NAME  # the next owner's screen must not show the name that this one gave it
        lampi.save(only=[Lampi.user, Lampi.associated_at, Lampi.name])
        Lampi.tell([lampi])


def rotate(device_id: str, now: datetime, source: str = SHELL) -> None:
    """Give a lamp of nobody's a new code before its time.

    Raises:
        UnknownLamp: there is no such lamp.
        AlreadyAssociated: it has an owner, and so no code.
    """
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is not None:
            raise AlreadyAssociated(f"The lamp {device_id} has an owner, and so no code; release it first.")
        Lampi.issue_codes([lampi], now)
        Lampi.tell([lampi])
        history.write(Event.ROTATED, now, source, device_id=device_id)


def forget(device_id: str, now: datetime | None = None, source: str = SHELL) -> None:
    """Delete a lamp and clear its retained message; when it comes up again, it is a new lamp.

    Raises:
        UnknownLamp: there is no such lamp.
    """
    with write_transaction():
        Lampi.named(device_id).delete_instance(now=now, source=source)


def add_user(name: str, now: datetime | None = None, source: str = SHELL) -> User:
    """Make a user.

    Raises:
        BadUserName: the name is empty, too long, not one printable line, or taken.
    """
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > User.name.max_length:
        raise BadUserName("A name is one line of at most 150 characters, without spaces around it.")
    try:
        with write_transaction():
            user: User = User.create(name=name)
            history.write(Event.USER_ADDED, now or utc_now(), source, user_name=name)
    except peewee.IntegrityError:
        raise BadUserName(f"There is a user {name} already.") from None
    return user


def user_named(name: str) -> User:
    """Return the user with this name.

    Raises:
        UnknownUser: there is none.
    """
    user: User | None = User.get_or_none(User.name == name) if name.isprintable() else None
    if user is None:
        raise UnknownUser(f"There is no user {name!r}; 'lampi-cloud user add' makes one.")
    return user
