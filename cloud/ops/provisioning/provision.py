"""Provisioning: creates bundles for one lamp or many."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cloud.ops.provisioning.authorities import CLOUD, LAMPS, Authorities
from cloud.ops.provisioning.errors import BadName, CantWrite
from cloud.ops.provisioning.files import make_folder, write_folder
from cloud.ops.provisioning.lamp_files import files_of_others, found_in, lamp_files
from shared.mqtt.broker_url import parse_broker_url

RENEW_BEFORE = timedelta(days=365)
"""Certificates are renewed this long before they expire, which leaves a year to bring the new one to the lamp."""


class Outcome(Enum):
    """What was done with a lamp's bundle."""

    MADE = "made"
    RENEWED = "renewed"
    KEPT = "kept"
    CHANGED = "changed"
    """From a stock lamp's bundle to another's, or back."""


@dataclass(frozen=True)
class Order:
    """Where to create bundles, for which broker address, whether to renew valid ones, and for which lamps.

    ``stock`` bundles are for lamps with programs of the LAMPI course, whose bridge strips the topic prefix.
    """

    out: Path
    address: str
    renew: bool = False
    stock: bool = False


def read_address(text: str) -> str:
    """Normalize the broker's address for lamps to ``host:port``; the default port is 8883.

    Raises:
        BadName: not a valid address.
    """
    try:
        broker = parse_broker_url(f"mqtts://{text}")
    except ValueError as fault:
        raise BadName(f"The broker's address {fault}.") from None
    if broker.username is not None or ":" in broker.host:
        raise BadName(
            "The broker's address must be a host name or IPv4 address with an optional port: cloud.example.com:8883."
        )
    return f"{broker.host}:{broker.port}"


def provision(authorities: Authorities, device_ids: Iterable[str], order: Order, now: datetime) -> Iterator[Outcome]:
    """Create the lamps' bundles; valid ones are kept.

    Each bundle is written atomically, so an interrupted run can be repeated. A bundle is renewed if its certificate is
    revoked, expires within `RENEW_BEFORE` or is from another authority, or if the broker's address or ``stock`` is
    another one.

    Raises:
        CantWrite, NoAuthority: bundles written before remain. Links, and folders with other files, are not replaced.
    """
    make_folder(order.out)
    for device_id in device_ids:
        with authorities.locked():
            yield _provision_one(authorities, device_id, order, now)


def _provision_one(authorities: Authorities, device_id: str, order: Order, now: datetime) -> Outcome:
    folder = order.out / device_id
    if folder.is_symlink():
        raise CantWrite(f"{folder} is a symbolic link, which is not followed. Remove it, or give another --out.")
    if folder.exists() and not folder.is_dir():
        raise CantWrite(f"{folder} is not a folder. Move it, or give another --out.")
    found = found_in(folder)
    is_as_ordered = found is not None and (found.address, found.stock) == (order.address, order.stock)
    if found and is_as_ordered and not order.renew and authorities.is_good(LAMPS, found.serial, now + RENEW_BEFORE):
        return Outcome.KEPT
    if others := files_of_others(folder):
        raise CantWrite(f"{folder} has other files: {', '.join(others)}. Move them, or give another --out.")
    outcome = Outcome.RENEWED if folder.exists() else Outcome.MADE
    if found and found.stock != order.stock:
        outcome = Outcome.CHANGED
    credentials = authorities.issue_lamp(device_id, now)
    ca = authorities.certificate(CLOUD)
    write_folder(folder, lamp_files(device_id, order.address, credentials, ca, stock=order.stock))
    return outcome
