"""`lampi-cloud resets` and `refuse-reset`."""

import json

import click

from cloud.cli.options import DeviceId, with_database
from cloud.db.timestamps import shown_instant, utc_now
from cloud.services import resets as service
from cloud.store.sources import command_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
@with_database
def resets(as_json: bool) -> None:
    """List the resets requested on lamps' screens, with the time at which each lamp is released."""
    found = service.all_requested()
    if as_json:
        listed = [
            {
                "device_id": lampi.device_id,
                "name": lampi.name,
                "user": lampi.user.name,
                "requested_at": shown_instant(request.since),
                "release_at": shown_instant(request.due_at),
            }
            for lampi, request in found
        ]
        click.echo(json.dumps(listed, indent=2))
    for lampi, request in () if as_json else found:
        due = f"{request.due_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{lampi.device_id} ({lampi.name}) of {lampi.user.name} is released on {due} unless refused.")
    if not found and not as_json:
        click.echo("No resets are requested.")


@click.command()
@click.argument("device_id", type=DeviceId())
@with_database
def refuse_reset(device_id: str) -> None:
    """Refuse a reset that was requested on a lamp's screen, on behalf of its owner."""
    lampi = service.refuse(device_id, utc_now(), command_line())
    click.echo(f"Refused the reset of the lamp {device_id}; it stays with {lampi.user.name}.")
