"""Making lamps' folders, one or a factory's worth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cloud.provisioning.authorities import CLOUD, LAMPS, Authorities
from cloud.provisioning.errors import BadName, CantWrite
from cloud.provisioning.files import write_folder
from cloud.provisioning.lamp_files import lamp_files, serial_in
from shared.broker_url import parse_broker_url

RENEW_BEFORE = timedelta(days=365)
"""How long before its end a lamp's certificate counts as worn: there is a year to bring the new one to the lamp."""


class Outcome(Enum):
    """What became of one lamp's folder."""

    MADE = "made"
    RENEWED = "renewed"
    KEPT = "kept"


@dataclass(frozen=True)
class Order:
    """Where folders are made, for which cloud, and whether good ones are made anew."""

    out: Path
    address: str
    renew: bool = False


def read_address(text: str) -> str:
    """Return the cloud's address as a bridge's configuration has it, ``host:port``; the port is 8883 if not given.

    Raises:
        BadName: it is not one.
    """
    try:
        broker = parse_broker_url(f"mqtts://{text}")
    except ValueError as fault:
        raise BadName(f"The cloud's address {fault}.") from None
    if broker.username is not None or ":" in broker.host:
        raise BadName(
            "The cloud's address is a host name or an IPv4 address, and perhaps a port: cloud.example.com:8883."
        )
    return f"{broker.host}:{broker.port}"


def provision(authorities: Authorities, device_ids: Iterable[str], order: Order, now: datetime) -> Iterator[Outcome]:
    """Make the folder of one lamp after the other; a folder that is good is kept as it is.

    Each folder is there whole or not at all, so whatever ends this can be followed by the same call. A folder is
    renewed when its certificate is taken back, ends within `RENEW_BEFORE`, or is of another authority, or when the
    cloud's address is another now.

    Raises:
        CantWrite, NoAuthority: what was made before stays.
    """
    try:
        order.out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CantWrite(f"{order.out} can't be made: {fault.strerror}.") from None
    for device_id in device_ids:
        with authorities.locked():
            yield _provision_one(authorities, device_id, order, now)


def _provision_one(authorities: Authorities, device_id: str, order: Order, now: datetime) -> Outcome:
    folder = order.out / device_id
    serial = serial_in(folder, order.address)
    if serial is not None and not order.renew and authorities.is_good(LAMPS, serial, now + RENEW_BEFORE):
        return Outcome.KEPT
    outcome = Outcome.RENEWED if folder.exists() else Outcome.MADE
    credentials = authorities.issue_lamp(device_id, now)
    write_folder(folder, lamp_files(device_id, order.address, credentials, authorities.certificate(CLOUD)))
    return outcome
