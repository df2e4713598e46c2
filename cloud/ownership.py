"""What somebody may do with lamps that are theirs: see them, name them, give them back.

Somebody else's lamp is as if it did not exist: nobody learns from a refusal which lamps there are.
"""

from datetime import datetime

from cloud import association
from cloud.database import write_transaction
from cloud.errors import BadLampName, UnknownLamp
from cloud.models import Lampi, User
from cloud.sources import SHELL

LONGEST_NAME = 100


def lamp_of(user: User, device_id: str) -> Lampi:
    """Return a user's lamp.

    Raises:
        UnknownLamp: the user has none with this device id.
    """
    lampi: Lampi | None = Lampi.get_or_none((Lampi.device_id == device_id) & (Lampi.user == user))
    if lampi is None:
        raise UnknownLamp("You have no such lamp.")
    return lampi


def rename(user: User, device_id: str, name: str) -> Lampi:
    """Give a user's lamp another name, without the spaces around it, and return the lamp.

    Raises:
        UnknownLamp: the user has no such lamp.
        BadLampName: the name is empty, too long, or not one printable line.
    """
    name = name.strip()
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadLampName(f"A lamp's name is one line of 1 to {LONGEST_NAME} characters.")
    with write_transaction():
        lampi = lamp_of(user, device_id)
        lampi.name = name
        lampi.save(only=[Lampi.name])
    return lampi


def give_back(user: User, device_id: str, now: datetime, source: str = SHELL) -> None:
    """Release a user's lamp.

    Raises:
        UnknownLamp: the user has no such lamp.
    """
    with write_transaction():
        lamp_of(user, device_id)
        association.release(device_id, now, source)
