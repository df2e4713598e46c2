"""The association service: a code and a user go in, a lamp gets an owner; and the way back."""

from datetime import datetime, timedelta

import peewee

from cloud import webhook_events
from cloud.codes import read_code
from cloud.database import write_transaction
from cloud.errors import BadUserName, NotAssociated, UnknownCode, UnknownUser
from cloud.models import Lampi, User
from cloud.webhook_events import Kind


def associate_by_code(typed: str, user: User, now: datetime, code_ttl: timedelta | None = None) -> Lampi:
    """Give the lamp that waits under a typed code to a user, and return it.

    A code that is older than ``code_ttl`` has lapsed, whether or not it has been replaced yet.

    Raises:
        MalformedCode: it can't be a code.
        UnknownCode: no unassociated lamp has it (any more).
    """
    issued_after = None if code_ttl is None else now - code_ttl
    lampi = Lampi.claim(Lampi.waits_under(read_code(typed), issued_after), user, now)
    if lampi is None:
        raise UnknownCode
    return lampi


def waiting_under(typed: str, now: datetime, code_ttl: timedelta | None = None) -> Lampi:
    """Return the lamp that waits under a typed code, without giving it to anybody.

    Raises:
        MalformedCode: it can't be a code.
        UnknownCode: no unassociated lamp has it (any more).
    """
    issued_after = None if code_ttl is None else now - code_ttl
    lampi: Lampi | None = Lampi.get_or_none(Lampi.waits_under(read_code(typed), issued_after) & Lampi.user.is_null())
    if lampi is None:
        raise UnknownCode
    return lampi


def associate_by_device_id(device_id: str, user: User, now: datetime) -> Lampi:
    """Give a lamp to a user without its code, for an operator, and return it.

    Raises:
        UnknownLamp: there is no such lamp.
        AlreadyAssociated: it has an owner.
    """
    lampi = Lampi.named(device_id)
    lampi.associate_and_publish_associated_msg(user, now)
    return lampi


def release(device_id: str, now: datetime) -> None:
    """Make a lamp nobody's again, with a new code.

    Raises:
        UnknownLamp: there is no such lamp.
        NotAssociated: nobody owns it.
    """
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is None:
            raise NotAssociated(f"Nobody owns the lamp {device_id}; its screen shows its code.")
        webhook_events.write(Kind.RELEASED, device_id, lampi.name, lampi.user.name, now)
        Lampi.issue_codes([lampi], now)  # first: the short code of the old one may be a waiting lamp's by now
        lampi.user = None
        lampi.associated_at = None
        lampi.save(only=[Lampi.user, Lampi.associated_at])
        Lampi.tell([lampi])


def forget(device_id: str) -> None:
    """Delete a lamp and clear its retained message; when it comes up again, it is a new lamp.

    Raises:
        UnknownLamp: there is no such lamp.
    """
    with write_transaction():
        Lampi.named(device_id).delete_instance()


def add_user(name: str) -> User:
    """Make a user.

    Raises:
        BadUserName: the name is empty, too long, not one printable line, or taken.
    """
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > User.name.max_length:
        raise BadUserName("A name is one line of at most 150 characters, without spaces around it.")
    try:
        with write_transaction():
            user: User = User.create(name=name)
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
