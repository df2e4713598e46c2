"""`lampi-cloud user` and its subcommands."""

import sys
from datetime import datetime

import click

from cloud.auth import accounts, api_tokens, passkeys, recovery_codes, sessions
from cloud.cli.options import with_database
from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.store.sources import command_line

_MINUTE = "%Y-%m-%d %H:%M UTC"


@click.group()
def user() -> None:
    """Manage users, their passwords and tokens."""


@user.command()
@click.argument("name")
@with_database
def add(name: str) -> None:
    """Create a user; a note says if the name looks like an existing one."""
    added = claiming.add_user(name, utc_now(), command_line())
    click.echo(f"Created the user {added.name}.")
    for other in claiming.look_alikes(added):
        click.echo(f"Note: {added.name} looks like the existing user {other.name}.", err=True)


@user.command(name="list")
@with_database
def list_users() -> None:
    """List the users, one per line."""
    for found in claiming.users():
        click.echo(found.name)


@user.command()
@click.argument("name")
@click.option("--remove-keys", is_flag=True, help="Also remove the user's passkeys and recovery codes.")
@with_database
def password(name: str, remove_keys: bool) -> None:
    """Set a user's password for the web page; it is prompted for, or read from the first line of standard input.

    All the user's web sessions are ended. API tokens stay valid; list them with `user tokens` and revoke one with `user
    revoke`.
    """
    found = claiming.user_named(name)
    if sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt="Repeat the password")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    accounts.set_password(found, given, remove_keys=remove_keys)
    click.echo(f"Set the password of {found.name}.")


@user.command()
@click.argument("name")
@with_database
def keys(name: str) -> None:
    """List what lets a user in without the password: passkeys, one per line, and how many recovery codes are left."""
    found = claiming.user_named(name)
    for passkey in passkeys.passkeys_of(found):
        used = _last_use(passkey.last_used_at)
        click.echo(f"{passkey.id:>4}  {passkey.name}  added {passkey.created_at:{_MINUTE}}, {used}")
    click.echo(f"Recovery codes left: {recovery_codes.codes_left(found)}")


@user.command(name="sign-out")
@click.argument("name")
@with_database
def sign_out(name: str) -> None:
    """Sign a user out on all browsers."""
    found = claiming.user_named(name)
    sessions.end_all(found)
    click.echo(f"Signed {found.name} out everywhere.")


@user.command()
@click.argument("name")
@click.option("--for", "purpose", default="command line", show_default=True, help="Purpose of the token.")
@with_database
def token(name: str, purpose: str) -> None:
    """Create an API token for a user; it is shown only once."""
    click.echo(api_tokens.make_token(claiming.user_named(name), purpose, utc_now()))


@user.command(name="tokens")
@click.argument("name")
@with_database
def list_tokens(name: str) -> None:
    """List a user's tokens, one per line: number, purpose, creation and last use."""
    for found in api_tokens.tokens_of(claiming.user_named(name)):
        used = _last_use(found.last_used_at)
        click.echo(f"{found.id:>4}  {found.name}  created {found.created_at:{_MINUTE}}, {used}")


@user.command()
@click.argument("name")
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
@with_database
def revoke(name: str, number: int) -> None:
    """Revoke a user's token; NUMBER is shown by `user tokens`."""
    api_tokens.revoke(claiming.user_named(name), number)
    click.echo(f"Revoked the token {number} of {name}.")


def _last_use(at: datetime | None) -> str:
    return "never used" if at is None else f"last used {at:{_MINUTE}}"
