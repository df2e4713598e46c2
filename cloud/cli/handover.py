"""`lampi-cloud offer` and `hand-over`."""

import click

from cloud.cli.options import DeviceId, with_database
from cloud.db.timestamps import utc_now
from cloud.services import handover, offering
from cloud.services.claiming import user_named
from cloud.store import claim_url
from cloud.store.offers import GOOD_FOR
from cloud.store.sources import command_line
from shared.protocol.codes import grouped


@click.command()
@click.argument("device_id", type=DeviceId())
@click.option("--withdraw", is_flag=True, help="Withdraw the offer instead.")
@with_database
def offer(device_id: str, withdraw: bool) -> None:
    """Offer a lamp to a new owner, who enters the code or opens the link; it replaces an earlier offer."""
    if withdraw:
        offering.withdraw(device_id, utc_now(), command_line())
        click.echo(f"Withdrew the offer of the lamp {device_id}.")
        return
    made = offering.make_offer(device_id, utc_now(), command_line())
    click.echo(f"The lamp {device_id} is offered for {GOOD_FOR.seconds // 60} minutes, to the first who takes it.")
    click.echo(f"Code: {grouped(made.short_code)}")
    if link := claim_url.link_with(made.code):
        click.echo(f"Link: {link}")


@click.command(name="hand-over")
@click.argument("device_id", type=DeviceId())
@click.option("--user", "user_name", required=True, help="The new owner.")
@with_database
def hand_over(device_id: str, user_name: str) -> None:
    """Give a lamp to another user at once, without an offer."""
    user = user_named(user_name)
    lampi = handover.hand_over(device_id, user, utc_now(), command_line())
    click.echo(f"The lamp {lampi.device_id} ({lampi.name}) now belongs to {user.name}.")
