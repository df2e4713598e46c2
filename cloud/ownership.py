"""What somebody may do with lamps that are theirs: see them, name them, give them back.

Somebody else's lamp is as if it did not exist: nobody learns from a refusal which lamps there are.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cloud import association
from cloud.codes import read_code
from cloud.database import write_transaction
from cloud.errors import BadLampName, UnknownLamp
from cloud.forgotten import associated_topic
from cloud.models import Lampi, User
from cloud.outbox import OutboxMessage
from shared.device_id import is_device_id
from shared.payloads import LONGEST_LAMP_NAME

_JOINERS = dict.fromkeys(map(ord, "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"))
"""Unseen, and yet Persian and Indic words and many emoji are not themselves without."""

JUST_NOW = timedelta(minutes=10)
"""How long somebody who sends the same code again, because an answer was lost, is told again what they got."""


def lamps_of(user: User, after: str, limit: int) -> list[Lampi]:
    """Return up to so many of a user's lamps, in the order of their device ids, those above ``after``."""
    own = Lampi.select().where((Lampi.user == user) & (Lampi.device_id > after))
    return list(own.order_by(Lampi.device_id).limit(limit))


def lamp_of(user: User, device_id: str) -> Lampi:
    """Return a user's lamp.

    Raises:
        UnknownLamp: the user has none with this device id.
    """
    own = (Lampi.device_id == device_id) & (Lampi.user == user)
    # Not every database can be asked for just any text.
    lampi: Lampi | None = Lampi.get_or_none(own) if is_device_id(device_id) else None
    if lampi is None:
        raise UnknownLamp("You have no such lamp.")
    return lampi


def rename(user: User, device_id: str, name: str) -> Lampi:
    """Give a user's lamp another name, without the spaces around it, have its screen told, and return the lamp.

    Raises:
        UnknownLamp: the user has no such lamp.
        BadLampName: the name is empty, too long, or not one printable line.
    """
    name = name.strip()
    seen = name.translate(_JOINERS)
    if not seen or not seen.isprintable() or len(name) > LONGEST_LAMP_NAME:
        raise BadLampName(f"A lamp's name is one line of 1 to {LONGEST_LAMP_NAME} characters that can be seen.")
    with write_transaction():
        lampi = lamp_of(user, device_id)
        if lampi.name != name:
            lampi.name = name
            lampi.save(only=[Lampi.name])
            Lampi.tell([lampi])
    return lampi


def give_back(user: User, device_id: str, now: datetime, source: str) -> None:
    """Release a user's lamp.

    Raises:
        UnknownLamp: the user has no such lamp.
    """
    with write_transaction():
        lamp_of(user, device_id)
        association.release(device_id, now, source)


def taken_just_now(user: User, typed: str, now: datetime) -> Lampi | None:
    """Return the lamp that this user got by a code within `JUST_NOW`, if any.

    Raises:
        MalformedCode: it can't be a code.
    """
    code = read_code(typed)
    since = Lampi._meta.fields["associated_at"] > now - JUST_NOW
    own = Lampi.select().where((Lampi.user == user) & since)
    return next((lampi for lampi in own if lampi.association_code.startswith(code)), None)


def confirmed_among(lamps: Iterable[Lampi]) -> set[str]:
    """Return the device ids of those lamps of which the broker has confirmed that it tells them where they stand."""
    topics = {associated_topic(lampi.device_id): lampi.device_id for lampi in lamps}
    pending = OutboxMessage.select(OutboxMessage.topic).where(OutboxMessage.topic.in_(list(topics))).tuples()
    return set(topics.values()) - {topics[topic] for (topic,) in pending}
