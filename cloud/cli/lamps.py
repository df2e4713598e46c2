"""`lampi-cloud lamps`, `associate`, `release`, `rotate`, `identify` and `forget`."""

import json
from collections.abc import Sequence

import click

from cloud.cli.options import DeviceId, with_database
from cloud.db.timestamps import shown_instant, utc_now
from cloud.services import claiming, identification, ownership
from cloud.store.lamps import Lampi
from cloud.store.sources import command_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
@with_database
def lamps(as_json: bool) -> None:
    """List lamps with their owners and presence."""
    found = ownership.all_lamps()
    if as_json:
        click.echo(json.dumps([_as_json(lampi) for lampi in found], indent=2))
    elif found:
        _print_table([("DEVICE ID", "NAME", "OWNER", "CONNECTED", "CREATED"), *map(_as_row, found)])
    else:
        click.echo("No lamps yet.")


@click.command()
@click.argument("code", required=False)
@click.option("--device-id", type=DeviceId(), help="Associate this lamp without a code.")
@click.option("--user", "user_name", required=True, help="The new owner.")
@with_database
def associate(code: str | None, device_id: str | None, user_name: str) -> None:
    """Associate a lamp with a user, by the CODE on its screen or of an offer, or by its device id."""
    if (code is None) == (device_id is None):
        raise click.UsageError("Give either CODE or --device-id.")
    user = claiming.user_named(user_name)
    if code is not None:
        lampi = claiming.associate_by_code(code, user, utc_now(), command_line(), by_operator=True)
    else:
        lampi = claiming.associate_by_device_id(str(device_id), user, utc_now(), command_line())
    click.echo(f"The lamp {lampi.device_id} ({lampi.name}) now belongs to {user.name}.")


@click.command()
@click.argument("device_id", type=DeviceId())
@with_database
def release(device_id: str) -> None:
    """Remove a lamp's owner; its screen shows a new code."""
    claiming.release(device_id, utc_now(), command_line())
    click.echo(f"Released the lamp {device_id}; its screen shows a new code.")


@click.command()
@click.argument("device_id", type=DeviceId())
@with_database
def rotate(device_id: str) -> None:
    """Replace an unassociated lamp's code now, for example because the wrong person may have seen it."""
    claiming.rotate_code(device_id, utc_now(), command_line())
    click.echo(f"Rotated the code of the lamp {device_id}.")


@click.command()
@click.argument("device_id", type=DeviceId())
@with_database
def identify(device_id: str) -> None:
    """Have an unassociated lamp identify itself on its screen for a few seconds."""
    lampi = identification.identify(device_id, utc_now())
    shown = f"The lamp {device_id} identifies itself on its screen for {identification.IDENTIFY_FOR.seconds} seconds"
    click.echo(f"{shown}." if lampi.connected else f"{shown}, if it is connected; it was last seen offline.")


@click.command()
@click.argument("device_id", type=DeviceId())
@with_database
def forget(device_id: str) -> None:
    """Delete a lamp and its retained messages; if it connects again, it is registered as new.

    A connected lamp is registered again when its bridge or the daemon reconnects to the broker. Until then its screen
    shows no code.
    """
    forgotten = claiming.forget(device_id, utc_now(), command_line())
    click.echo(f"Deleted the lamp {device_id}.")
    if forgotten.connected:
        click.echo(
            f"Warning: the lamp {device_id} is connected. Its screen shows no code, and it is registered again, with a "
            "new code, when its bridge or the daemon reconnects to the broker. To get the code now, restart the lamp.",
            err=True,
        )


def _as_json(lampi: Lampi) -> dict[str, object]:
    return {
        "device_id": lampi.device_id,
        "name": lampi.name,
        "user": lampi.user.name if lampi.user else None,
        "connected": lampi.connected,
        "created_at": shown_instant(lampi.created_at),
        "associated_at": shown_instant(lampi.associated_at),
        "stock_screen": lampi.stock_screen,
    }


def _as_row(lampi: Lampi) -> tuple[str, ...]:
    return (
        lampi.device_id,
        lampi.name,
        lampi.user.name if lampi.user else "-",
        "yes" if lampi.connected else "no",
        lampi.created_at.strftime("%Y-%m-%d %H:%M UTC"),
    )


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
