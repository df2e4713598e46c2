"""`lampi-cloud backup` and `lampi-cloud restore`."""

from pathlib import Path

import click

from cloud.backup import back_up, restore
from cloud.cli.edge import database_option, settings_from
from cloud.instants import utc_now


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@database_option
def backup(file: Path, database_url: str | None) -> None:
    """Write a checked copy of the database to a new FILE, also while the daemon works.

    It holds codes and names: FILE can be read by its owner alone (mode 0600). Of PostgreSQL it is what pg_dump
    writes.
    """
    settings = settings_from(database_url=database_url)
    size = back_up(settings.database_url, file)
    click.echo(f"Backed up {settings.shown_database_url} to {file} ({size:,} bytes, checked).")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@database_option
def restore_command(file: Path, database_url: str | None) -> None:
    """Make the database what it was when FILE was written. Stop every daemon first.

    A SQLite database that is there is set aside beside it. PostgreSQL is restored into a new, empty database.
    """
    settings = settings_from(database_url=database_url)
    contents, aside = restore(file, settings.database_url, utc_now())
    for name in contents.applied:
        click.echo(f"Applied {name}.")
    click.echo(f"Restored {contents.lamps} lamps and {contents.users} users from {file}.")
    if aside is not None:
        click.echo(f"The database that was there is now {aside}.")
    click.echo("Who got or gave up a lamp after the backup did so in vain: tell them to associate it again.")
    click.echo("Start the daemon: it tells every lamp anew, and clears what the broker retains for lamps it lost.")
