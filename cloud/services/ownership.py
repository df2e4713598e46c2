"""What users can do with their own lamps: list, rename and release them.

Another user's lamp is reported as unknown, so that errors don't reveal which lamps exist.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from peewee import JOIN

from cloud.db.database import alphabetical, write_transaction
from cloud.errors import BadLampName, UnknownLamp
from cloud.rate_limit import changes
from cloud.services import claiming
from cloud.services.lamps import enqueue_state
from cloud.store.codes import read_code
from cloud.store.lamps import Lampi, User
from cloud.store.outbox import OutboxMessage
from cloud.store.tombstones import associated_topic
from shared.protocol.device_id import is_device_id
from shared.protocol.payloads import LONGEST_LAMP_NAME

_JOINERS = dict.fromkeys(map(ord, "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"))
"""Invisible, but required by Persian and Indic words and many emoji."""

RECENT = timedelta(minutes=10)
"""How long the same code from the same user, repeated because a response was lost, returns the same lamp."""


def lamps_of(user: User, after: str, limit: int) -> list[Lampi]:
    """Return up to ``limit`` of a user's lamps whose device ids are above ``after``, in order of device ids."""
    own = Lampi.select().where((Lampi.user == user) & (Lampi.device_id > after))
    return list(own.order_by(Lampi.device_id).limit(limit))


def page_of(user: User, number: int, size: int) -> tuple[list[Lampi], bool]:
    """Return page ``number`` (from 1) of a user's lamps in the order of their names, and whether there are more."""
    own = Lampi.select().where(Lampi.user == user).order_by(alphabetical(Lampi.name), Lampi.device_id)
    found = list(own.offset((number - 1) * size).limit(size + 1))
    return found[:size], len(found) > size


def lamp_of(user: User, device_id: str) -> Lampi:
    """Return a user's lamp.

    Raises:
        UnknownLamp: the user has no lamp with this device id.
    """
    own = (Lampi.device_id == device_id) & (Lampi.user == user)
    # PostgreSQL rejects some text, such as NUL characters.
    lampi: Lampi | None = Lampi.get_or_none(own) if is_device_id(device_id) else None
    if lampi is None:
        raise UnknownLamp("You have no such lamp.")
    return lampi


def lamp_name(name: str) -> str:
    """Return a lamp's name without leading and trailing spaces.

    Raises:
        BadLampName: the name is empty, too long, or not one printable line.
    """
    name = name.strip()
    seen = name.translate(_JOINERS)
    if not seen or not seen.isprintable() or len(name) > LONGEST_LAMP_NAME:
        raise BadLampName("A lamp name is one line of 1 to %(longest)s visible characters.", longest=LONGEST_LAMP_NAME)
    return name


def rename(user: User, device_id: str, name: str, now: datetime) -> Lampi:
    """Rename a user's lamp, without leading and trailing spaces, enqueue its message, and return it.

    Raises:
        UnknownLamp: the user has no lamp with this device id.
        BadLampName: the name is empty, too long, or not one printable line.
        TooManyChanges: rate limit.
    """
    name = lamp_name(name)
    changes.require_allowed(user, now)
    with write_transaction():
        lampi = lamp_of(user, device_id)
        if lampi.name != name:
            changes.count(user, now)
            lampi.name = name
            lampi.save(only=[Lampi.name])
            enqueue_state([lampi])
    return lampi


def release_own(user: User, device_id: str, now: datetime, source: str) -> None:
    """Release a user's lamp.

    Raises:
        UnknownLamp: the user has no lamp with this device id.
        TooManyChanges: rate limit.
    """
    changes.require_allowed(user, now)
    lamp_of(user, device_id)  # before the write lock, for which refused requests must not contend
    with write_transaction():
        lamp_of(user, device_id)
        changes.count(user, now)
        claiming.release(device_id, now, source)


def recently_claimed(user: User, typed: str, now: datetime) -> Lampi | None:
    """Return the lamp that this user associated with this code within `RECENT`, or None.

    Raises:
        MalformedCode: the text is not a well-formed code.
    """
    code = read_code(typed)
    since = Lampi._meta.fields["associated_at"] > now - RECENT
    own = Lampi.select().where((Lampi.user == user) & since)
    return next((lampi for lampi in own if lampi.association_code.startswith(code)), None)


def all_lamps() -> list[Lampi]:
    """Return all lamps with their owners, oldest first."""
    every = Lampi.select(Lampi, User).join(User, JOIN.LEFT_OUTER)
    return list(every.order_by(Lampi.created_at, Lampi.device_id))


def is_confirmed(lampi: Lampi) -> bool:
    """Return whether the broker has confirmed a lamp's latest message."""
    return not OutboxMessage.select().where(OutboxMessage.version == lampi.message_version).exists()


def confirmed_among(lamps: Iterable[Lampi]) -> set[str]:
    """Return the device ids of those lamps whose current state the broker has confirmed."""
    topics = {associated_topic(lampi.device_id): lampi.device_id for lampi in lamps}
    pending = OutboxMessage.select(OutboxMessage.topic).where(OutboxMessage.topic.in_(list(topics))).tuples()
    return set(topics.values()) - {topics[topic] for (topic,) in pending}
