"""The association service: a code and a user go in, a lamp gets an owner; and the way back.

``source`` says where a request comes from (`cloud.sources`): history keeps it, and wrong codes are counted by it.
"""

from datetime import datetime

import peewee
from peewee import fn

from cloud import history, throttle
from cloud.codes import read_code
from cloud.database import write_transaction
<<<<<<< HEAD
from cloud.errors import (
    AlreadyAssociated,
    BadUserName,
    NotAssociated,
    TooManyGuesses,
    UnknownCode,
    UnknownUser,
)
from cloud.history import Event, Reason
from cloud.instants import utc_now
=======
from cloud.errors import BadLampName, BadUserName, NotAssociated, UnknownCode, UnknownLamp, UnknownUser
>>>>>>> c187b7d (Add the web page: accounts, my lamps, associating in two steps, live changes)
from cloud.models import Lampi, User
from cloud.policy import announced
from cloud.sources import SHELL
from cloud.throttle import Guess

LONGEST_LAMP_NAME = 40


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
    code = read_code(typed)
    policy = announced()
    guess = Guess(len(code), user.id, user.name, source, now, policy)
    wait, lampi = throttle.wait_for(guess), None  # without a lock at first: a flood of refusals holds nobody up
    if wait is None:
        with write_transaction():
            wait = throttle.wait_for(guess)
            if wait is None:
                issued_after = None if policy.ttl is None else now - policy.ttl
                lampi = Lampi.claim(Lampi.waits_under(code, issued_after), user, now, source)
                if lampi is None:
                    throttle.count_failure(guess)
    if wait is not None:
        throttle.note_throttled(guess)
        raise TooManyGuesses(wait)
    if lampi is None:
        raise UnknownCode
    return lampi


<<<<<<< HEAD
def associate_by_device_id(device_id: str, user: User, now: datetime, source: str = SHELL) -> Lampi:
=======
def find_by_code(
    typed: str,
    user: User,
    now: datetime,  # noqa: ARG001
    code_ttl: timedelta | None = None,
) -> tuple[Lampi, str]:
    """Return the lamp that waits under a typed code, and the code as `associate_found` takes it; nothing changes.

    Raises:
        MalformedCode: it can't be a code.
        UnknownCode: no unassociated lamp has it (any more).
    """
    code = read_code(typed)
    issued_after = None if code_ttl is None else now - code_ttl
    lampi: Lampi | None = Lampi.get_or_none(Lampi.waits_under(code, issued_after) & Lampi.user.is_null())
    if lampi is None:
        raise UnknownCode
    return lampi, code


def associate_found(device_id: str, code: str, user: User, now: datetime, code_ttl: timedelta | None = None) -> Lampi:
    """Give the lamp that `find_by_code` found to a user, if it still waits under that code.

    Raises:
        UnknownCode: it does not: the code was replaced, or somebody was faster.
    """
    issued_after = None if code_ttl is None else now - code_ttl
    lampi = Lampi.claim((Lampi.device_id == device_id) & Lampi.waits_under(code, issued_after), user, now)
    if lampi is None:
        raise UnknownCode
    return lampi


def associate_by_device_id(device_id: str, user: User, now: datetime) -> Lampi:
>>>>>>> c187b7d (Add the web page: accounts, my lamps, associating in two steps, live changes)
    """Give a lamp to a user without its code, for an operator, and return it.

    Raises:
        UnknownLamp: there is no such lamp.
        AlreadyAssociated: it has an owner.
    """
    lampi = Lampi.named(device_id)
    try:
        lampi.associate_and_publish_associated_msg(user, now, source)
    except AlreadyAssociated:
        with write_transaction():
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
        Lampi.issue_codes([lampi], now)  # first: the short code of the old one may be a waiting lamp's by now
        lampi.user = None
        lampi.associated_at = None
        lampi.save(only=[Lampi.user, Lampi.associated_at])
        Lampi.tell([lampi])


<<<<<<< HEAD
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
=======
def lamps_of(user: User) -> peewee.ModelSelect:
    """Return the query for a user's lamps, in the order in which a person looks for them."""
    return Lampi.select().where(Lampi.user == user).order_by(fn.LOWER(Lampi.name), Lampi.device_id)


def lamp_of(user: User, device_id: str) -> Lampi:
    """Return a user's own lamp.

    Raises:
        UnknownLamp: it is not theirs; whether it is another's or nobody's they are not told.
    """
    lampi: Lampi | None = Lampi.get_or_none((Lampi.device_id == device_id) & (Lampi.user == user))
    if lampi is None:
        raise UnknownLamp("You have no such lamp.")
    return lampi


def release_own(user: User, device_id: str, now: datetime) -> Lampi:
    """Make a user's own lamp nobody's again, and return it as it was.

    Raises:
        UnknownLamp: it is not theirs (any more).
    """
    with write_transaction():
        lampi = lamp_of(user, device_id)
        release(device_id, now)
    return lampi


def rename_own(user: User, device_id: str, name: str) -> Lampi:
    """Give a user's own lamp another name, and return it.

    Raises:
        UnknownLamp: it is not theirs.
        BadLampName: it is empty, too long, or not one printable line.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_LAMP_NAME or not name.isprintable():
        raise BadLampName(f"A lamp's name is one line of at most {LONGEST_LAMP_NAME} characters.")
    with write_transaction():
        lampi = lamp_of(user, device_id)
        lampi.name = name
        lampi.save(only=[Lampi.name])
    return lampi


def forget(device_id: str) -> None:
>>>>>>> c187b7d (Add the web page: accounts, my lamps, associating in two steps, live changes)
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
