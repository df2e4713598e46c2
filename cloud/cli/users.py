"""`lampi-cloud user add`, `user list` and `user password`."""

import sys

import click

from cloud import accounts, association
from cloud.cli.edge import with_database
from cloud.instants import utc_now
from cloud.models import User
from cloud.sources import command_line


@click.group()
def user() -> None:
    """Add and list users, and give them passwords."""


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


@user.command()
@click.argument("name")
@with_database
def password(name: str) -> None:
    """Give a user a password for the web, asked for twice; or the first line of standard input.

    Whoever is signed in under that name is signed out.
    """
    found = association.user_named(name)
    if sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    accounts.set_password(found, given)
    click.echo(f"{found.name} can sign in on the web with this password.")
