"""`lampi-cloud provision` and `lampi-cloud deprovision`."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from cloud.cli.ca import ca_option, folder_type, mosquitto_option
from cloud.cli.edge import broker_options, settings_from
from cloud.instants import utc_now
from cloud.provisioning.authorities import Authorities
from cloud.provisioning.deprovision import LAMPS_PORT, RELOAD, BrokerSide, deprovision
from cloud.provisioning.errors import BadName
from cloud.provisioning.provision import Order, Outcome, provision, read_address
from cloud.provisioning.rules import write_shut_out
from shared.device_id import read_device_id

_MOST_FAULTS = 10


@click.command("provision")
@click.argument("device_ids", metavar="DEVICE_ID...", nargs=-1, required=True)
@click.option("--out", type=folder_type, default=Path("lamps"), show_default=True, help="Where the folders go.")
@click.option(
    "--cloud",
    "address",
    metavar="HOST[:PORT]",
    envvar="LAMPI_CLOUD_ADDRESS",
    help="Where lamps find the broker; as `ca server` was told if not given.  [LAMPI_CLOUD_ADDRESS]",
)
@click.option("--renew", is_flag=True, help="Make folders anew that are still good.")
@ca_option
@mosquitto_option
def provision_command(
    device_ids: Sequence[str], *, out: Path, address: str | None, renew: bool, ca: Path, mosquitto: Path
) -> None:
    """Make all that the Pi of each lamp needs, in a folder of its own; - takes ids from standard input.

    What is there and good is kept, so the same call can be made again.
    """
    wanted = _wanted(device_ids)
    authorities = Authorities(ca)
    with authorities.locked():
        address = address or authorities.cloud_address
    if address is None:
        raise BadName("Nobody said yet where lamps find the broker: run `lampi-cloud ca server HOST`, or give --cloud.")
    made: Counter[Outcome] = Counter()
    order = Order(out, read_address(address), renew)
    with click.progressbar(
        length=len(wanted), label="Provisioning", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for outcome in provision(authorities, wanted, order, utc_now()):
            made[outcome] += 1
            bar.update(1)
    with authorities.locked():
        let_in_again = write_shut_out(authorities, mosquitto, utc_now())
    counts = ", ".join(f"{made[outcome]} {outcome.value}" for outcome in Outcome)
    click.echo(f"{_counted(len(wanted))} in {out}: {counts}. Each README.txt says what goes where on the lamp's Pi.")
    if let_in_again:
        click.echo("Some were shut out before: restart Mosquitto, and it lets them in again.")


@click.command("deprovision")
@click.argument("device_ids", metavar="DEVICE_ID...", nargs=-1, required=True)
@click.option(
    "--reload",
    "reload_command",
    metavar="COMMAND",
    envvar="LAMPI_BROKER_RELOAD",
    default=RELOAD,
    show_default=True,
    help="What has Mosquitto read its files anew.  [LAMPI_BROKER_RELOAD]",
)
@click.option(
    "--lamps-port", type=click.IntRange(1, 65535), default=LAMPS_PORT, show_default=True, help="Where lamps come in."
)
@ca_option
@mosquitto_option
@broker_options
def deprovision_command(
    device_ids: Sequence[str],
    *,
    reload_command: str,
    lamps_port: int,
    ca: Path,
    mosquitto: Path,
    **broker: str | None,
) -> None:
    """Shut lamps out of the broker at once, also those that are connected; - takes ids from standard input."""
    wanted = _wanted(device_ids)
    side = BrokerSide(mosquitto, reload_command, settings_from(**broker).broker, lamps_port)
    deprovision(Authorities(ca), wanted, side, utc_now())
    if len(wanted) == 1:
        click.echo(
            f"{wanted[0]} is shut out. It is still in the database: `lampi-cloud forget {wanted[0]}` deletes it."
        )
    else:
        click.echo(
            f"{len(wanted)} lamps are shut out. They are still in the database: `lampi-cloud forget` deletes one."
        )


def _counted(lamps: int) -> str:
    return f"{lamps} lamp" if lamps == 1 else f"{lamps} lamps"


def _wanted(texts: Sequence[str]) -> list[str]:
    """Return each device id once; refuse all when one is none, so that nothing is done by halves."""
    lines = [line.strip("\ufeff \t\r\n") for line in sys.stdin] if tuple(texts) == ("-",) else texts
    wanted: dict[str, None] = {}
    faults: list[str] = []
    for line in filter(None, lines):
        try:
            wanted[read_device_id(line)] = None
        except ValueError as fault:
            faults.append(f"{fault}.")
    if faults:
        more = f"\n... and {len(faults) - _MOST_FAULTS} more." if len(faults) > _MOST_FAULTS else ""
        raise BadName("\n".join(faults[:_MOST_FAULTS]) + more + "\nNothing was done.")
    if not wanted:
        raise BadName("There is no device id on standard input.")
    return list(wanted)
