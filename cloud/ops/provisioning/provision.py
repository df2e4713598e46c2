"""Provisioning: creates bundles for one lamp or many."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cloud.ops.provisioning.authorities import CLOUD, LAMPS, Authorities
from cloud.ops.provisioning.errors import BadName, CantWrite
from cloud.ops.provisioning.files import write_folder
from cloud.ops.provisioning.lamp_files import files_of_others, lamp_files, serial_in
from shared.mqtt.broker_url import parse_broker_url

RENEW_BEFORE = timedelta(days=365)
"""Certificates are renewed this long before they expire, which leaves a year to bring the new one to the lamp."""


class Outcome(Enum):
    """What was done with a lamp's bundle."""

    MADE = "made"
    RENEWED = "renewed"
    KEPT = "kept"


@dataclass(frozen=True)
class Order:
    """Where to create bundles, for which broker address, and whether to renew valid ones."""

    out: Path
    address: str
    renew: bool = False


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
    revoked, expires within `RENEW_BEFORE` or is from another authority, or if the broker's address has changed.

    Raises:
        CantWrite, NoAuthority: bundles written before remain. Links, and folders with other files, are not replaced.
    """
    try:
        order.out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CantWrite(f"Can't create {order.out}: {fault.strerror}.") from None
    for device_id in device_ids:
        with authorities.locked():
            yield _provision_one(authorities, device_id, order, now)


def _provision_one(authorities: Authorities, device_id: str, order: Order, now: datetime) -> Outcome:
    folder = order.out / device_id
    if folder.is_symlink():
        raise CantWrite(f"{folder} is a symbolic link, which is not followed. Remove it, or give another --out.")
    serial = serial_in(folder, order.address)
    if serial is not None and not order.renew and authorities.is_good(LAMPS, serial, now + RENEW_BEFORE):
        return Outcome.KEPT
    if others := files_of_others(folder):
        raise CantWrite(f"{folder} has other files: {', '.join(others)}. Move them, or give another --out.")
    outcome = Outcome.RENEWED if folder.exists() else Outcome.MADE
    credentials = authorities.issue_lamp(device_id, now)
    write_folder(folder, lamp_files(device_id, order.address, credentials, authorities.certificate(CLOUD)))
    return outcome
