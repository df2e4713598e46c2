"""`lampi-cloud provision` and `lampi-cloud deprovision`."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from cloud.cli.ca import ca_option, folder_type, mosquitto_option
from cloud.cli.options import BROKER, setting_options, settings_from
from cloud.db.timestamps import utc_now
from cloud.ops.provisioning.authorities import Authorities
from cloud.ops.provisioning.deprovision import LAMPS_PORT, RELOAD, BrokerSide, deprovision
from cloud.ops.provisioning.errors import BadName
from cloud.ops.provisioning.provision import Order, Outcome, provision, read_address
from cloud.ops.provisioning.rules import write_shut_out
from shared.protocol.device_id import read_device_id

_MOST_FAULTS = 10
_NOW_STOCK = (
    "Changed folders are now for stock lamps: their bridge strips the topic prefix. Install them again on the Pi, and "
    "restart its touchscreen."
)
_NO_LONGER_STOCK = (
    "Changed folders are no longer for stock lamps: their bridge keeps the topic prefix, which the LAMPI course's "
    "programs can't read. Install them again on the Pi, and restart its touchscreen; or use --stock."
)


@click.command("provision")
@click.argument("device_ids", metavar="DEVICE_ID...", nargs=-1, required=True)
@click.option("--out", type=folder_type, default=Path("lamps"), show_default=True, help="Output folder.")
@click.option(
    "--cloud",
    "address",
    metavar="HOST[:PORT]",
    envvar="LAMPI_CLOUD_ADDRESS",
    help="Address of the broker for lamps; default: the address given to `ca server`.  [LAMPI_CLOUD_ADDRESS]",
)
@click.option("--renew", is_flag=True, help="Also renew folders that are still valid.")
@click.option(
    "--stock", is_flag=True, help="For the LAMPI course's screen or service: topics without prefix on the lamp."
)
@ca_option
@mosquitto_option
def provision_command(
    device_ids: Sequence[str], *, out: Path, address: str | None, renew: bool, stock: bool, ca: Path, mosquitto: Path
) -> None:
    """Create a folder for each lamp's Raspberry Pi with certificate and configuration; - reads ids from standard input.

    Valid folders are kept, so the command can be repeated.
    """
    wanted = _wanted(device_ids)
    authorities = Authorities(ca)
    with authorities.locked():
        address = address or authorities.cloud_address
    if address is None:
        raise BadName("The broker's address for lamps is unknown: run `lampi-cloud ca server HOST` or give --cloud.")
    made: Counter[Outcome] = Counter()
    order = Order(out, read_address(address), renew, stock)
    with click.progressbar(
        length=len(wanted), label="Provisioning", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for outcome in provision(authorities, wanted, order, utc_now()):
            made[outcome] += 1
            bar.update(1)
    with authorities.locked():
        rules_changed = write_shut_out(authorities, mosquitto, utc_now())
    shown = [outcome for outcome in Outcome if outcome is not Outcome.CHANGED or made[outcome]]
    counts = ", ".join(f"{made[outcome]} {outcome.value}" for outcome in shown)
    click.echo(
        f"{_counted(len(wanted))} in {out}: {counts}. Each folder's README.txt explains how to install it on the Pi."
    )
    if made[Outcome.CHANGED]:
        click.echo(_NOW_STOCK if stock else _NO_LONGER_STOCK)
    if rules_changed:
        click.echo("Some lamps had been revoked before; restart Mosquitto to let them connect again.")


@click.command("deprovision")
@click.argument("device_ids", metavar="DEVICE_ID...", nargs=-1, required=True)
@click.option(
    "--reload",
    "reload_command",
    metavar="COMMAND",
    envvar="LAMPI_BROKER_RELOAD",
    default=RELOAD,
    show_default=True,
    help="Command that makes Mosquitto reload its files.  [LAMPI_BROKER_RELOAD]",
)
@click.option(
    "--lamps-port",
    type=click.IntRange(1, 65535),
    default=LAMPS_PORT,
    show_default=True,
    help="The broker's port for lamps.",
)
@ca_option
@mosquitto_option
@setting_options(*BROKER)
def deprovision_command(
    device_ids: Sequence[str],
    *,
    reload_command: str,
    lamps_port: int,
    ca: Path,
    mosquitto: Path,
    **broker: str | None,
) -> None:
    """Revoke lamps' certificates and disconnect them at once; - reads ids from standard input."""
    wanted = _wanted(device_ids)
    side = BrokerSide(mosquitto, reload_command, settings_from(**broker).broker, lamps_port)
    deprovision(Authorities(ca), wanted, side, utc_now())
    if len(wanted) == 1:
        click.echo(f"Revoked {wanted[0]}. It is still in the database; to delete it: lampi-cloud forget {wanted[0]}")
    else:
        click.echo(
            f"Revoked {len(wanted)} lamps. They are still in the database; to delete one: lampi-cloud forget DEVICE_ID"
        )


def _counted(lamps: int) -> str:
    return f"{lamps} lamp" if lamps == 1 else f"{lamps} lamps"


def _wanted(texts: Sequence[str]) -> list[str]:
    """Return unique device ids; if any is invalid, reject all of them so that nothing is done partially."""
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
        raise BadName("\n".join(faults[:_MOST_FAULTS]) + more + "\nNothing was changed.")
    if not wanted:
        raise BadName("No device ids on standard input.")
    return list(wanted)
