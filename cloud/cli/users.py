"""`lampi-cloud user` and what hangs on it."""

import sys

import click

from cloud import association
from cloud.cli.edge import with_database
from cloud.guessing.sources import command_line
from cloud.identity import accounts, tokens
from cloud.instants import utc_now
from cloud.models import User


@click.group()
def user() -> None:
    """Add and list users, and keep their passwords and tokens."""


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

    Whoever is signed in under that name is signed out. Programs with a token of the user's go on: `user tokens` lists
    them, and `user revoke` ends one.
    """
    found = association.user_named(name)
    if sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    accounts.set_password(found, given)
    click.echo(f"{found.name} can sign in on the web with this password.")


@user.command()
@click.argument("name")
@click.option("--for", "purpose", default="command line", show_default=True, help="What the token is for.")
@with_database
def token(name: str, purpose: str) -> None:
    """Make a token with which another program acts for a user over HTTP; it is shown this once."""
    click.echo(tokens.make_token(association.user_named(name), purpose, utc_now()))


@user.command(name="tokens")
@click.argument("name")
@with_database
def list_tokens(name: str) -> None:
    """List a user's tokens, one a line: number, what it is for, when it was made and last used."""
    for found in tokens.tokens_of(association.user_named(name)):
        used = "never used" if found.last_used_at is None else f"last used {found.last_used_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{found.id:>4}  {found.name}  made {found.created_at:%Y-%m-%d %H:%M} UTC, {used}")


@user.command()
@click.argument("name")
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
@with_database
def revoke(name: str, number: int) -> None:
    """End a user's token, at once; NUMBER is what `user tokens` lists."""
    tokens.revoke(association.user_named(name), number)
    click.echo(f"The token {number} of {name} is worth nothing any more.")
