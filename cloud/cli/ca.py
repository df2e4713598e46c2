"""`lampi-cloud ca`: certificate authorities and the certificates of the broker and the cloud's programs."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from cloud.db.timestamps import utc_now
from cloud.ops.provisioning.authorities import CLOUD, KINDS, LAMPS, Authorities
from cloud.ops.provisioning.broker_files import (
    MOSQUITTO_FOLDER,
    PROGRAM_FOLDER,
    write_broker_files,
    write_program_files,
)
from cloud.ops.provisioning.certificates import DAEMON
from cloud.ops.provisioning.files import write_file
from cloud.ops.provisioning.provision import RENEW_BEFORE, read_address

CA_FOLDER = Path("/etc/lampi/ca")
_MOST_LINES = 20

folder_type = click.Path(path_type=Path, file_okay=False)
ca_option = click.option(
    "--ca",
    type=folder_type,
    envvar="LAMPI_CA_FOLDER",
    default=CA_FOLDER,
    show_default=True,
    help="Folder of the certificate authorities.  [LAMPI_CA_FOLDER]",
)
mosquitto_option = click.option(
    "--mosquitto",
    type=folder_type,
    envvar="LAMPI_MOSQUITTO_FOLDER",
    default=MOSQUITTO_FOLDER,
    show_default=True,
    help="The broker's folder for certificates and access rules.  [LAMPI_MOSQUITTO_FOLDER]",
)


@click.group()
def ca() -> None:
    """Manage certificate authorities and the certificates of the broker and the daemon."""


@ca.command()
@ca_option
def init(ca: Path) -> None:
    """Create the two certificate authorities, one for the cloud and one for lamps."""
    Authorities.create(ca, utc_now())
    click.echo(
        f"Created the authorities in {ca}. Keep a safe backup: anyone who has them can impersonate lamps and brokers."
    )


@ca.command()
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@ca_option
@mosquitto_option
def server(hosts: Sequence[str], ca: Path, mosquitto: Path) -> None:
    """Issue the broker's certificate and fill its folder; run again to renew.

    HOST is a name or address of the broker. The first one is for lamps and may include a port.
    """
    address = read_address(hosts[0])
    hosts = (address.rpartition(":")[0], *hosts[1:])
    authorities = Authorities(ca)
    credentials = write_broker_files(authorities, hosts, mosquitto, utc_now())
    authorities.cloud_address = address
    click.echo(
        f"The broker's certificate for {', '.join(hosts)} is in {mosquitto}, "
        f"valid until {_day(credentials.not_after)}.\n"
        f"Lamps will connect to {address}. To apply it to a running Mosquitto: systemctl reload mosquitto"
    )


@ca.command()
@click.option(
    "--name",
    default=DAEMON,
    show_default=True,
    help="Name in the certificate, used by `ca revoke`; it does not affect access rights.",
)
@click.option("--out", type=folder_type, default=PROGRAM_FOLDER, show_default=True, help="Output folder.")
@ca_option
def daemon(name: str, out: Path, ca: Path) -> None:
    """Issue the daemon's certificate; run again to renew."""
    credentials = write_program_files(Authorities(ca), name, out, utc_now())
    click.echo(
        f"The certificate of {name} is in {out}, valid until {_day(credentials.not_after)}. "
        f"Set these and restart the daemon:\n"
        f"    LAMPI_BROKER_URL=mqtts://localhost:8884\n"
        f"    LAMPI_BROKER_CA={out}/ca.crt\n"
        f"    LAMPI_BROKER_CERTIFICATE={out}/daemon.crt\n"
        f"    LAMPI_BROKER_KEY={out}/daemon.key"
    )


@ca.command()
@click.argument("name")
@ca_option
@mosquitto_option
def revoke(name: str, ca: Path, mosquitto: Path) -> None:
    """Revoke all certificates of a program such as the daemon; for lamps, use `deprovision`."""
    authorities = Authorities(ca)
    with authorities.locked():
        revoked = authorities.revoke(CLOUD, [name], utc_now())
        if mosquitto.is_dir():
            write_file(mosquitto / f"{CLOUD}-revoked.pem", revoked)
    click.echo(f"Revoked all certificates of {name}. Restart Mosquitto to end their current connections.")


@ca.command()
@ca_option
def show(ca: Path) -> None:
    """List issued certificates by expiry date."""
    authorities, now = Authorities(ca), utc_now()
    for kind in KINDS:
        click.echo(f"{_day(authorities.ends_at(kind))}  authority for {'lamps' if kind == LAMPS else 'the cloud'}")
    for issued in authorities.good(CLOUD, now):
        click.echo(f"{_day(issued.not_after)}  {issued.name}")
    lamps = list(authorities.good(LAMPS, now))
    ending = [issued for issued in lamps if issued.not_after < now + RENEW_BEFORE]
    for issued in ending[:_MOST_LINES]:
        click.echo(f"{_day(issued.not_after)}  lamp {issued.name}")
    rest = f", {len(ending)} expire within a year" if ending else ""
    click.echo(f"Lamps with a certificate: {len(lamps)}{rest}; revoked: {len(authorities.shut_out(LAMPS, now))}.")


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"
