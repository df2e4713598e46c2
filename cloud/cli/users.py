"""`lampi-cloud user add` and `lampi-cloud user list`."""

import click

from cloud import association
from cloud.cli.edge import with_database
from cloud.instants import utc_now
from cloud.models import User
from cloud.sources import command_line


@click.group()
def user() -> None:
    """Add and list users."""


@user.command()
@click.argument("name")
@with_database
def add(name: str) -> None:
    """Make a user."""
    click.echo(f"Added the user {association.add_user(name, utc_now(), command_line()).name}.")


@user.command(name="list")
@with_database
def list_users() -> None:
    """List the users, one a line."""
    for found in User.select().order_by(User.name):
        click.echo(found.name)
