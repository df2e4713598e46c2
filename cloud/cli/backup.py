"""`lampi-cloud backup` and `lampi-cloud restore`."""

from pathlib import Path

import click

from cloud.cli.options import setting_options, settings_from
from cloud.db.timestamps import utc_now
from cloud.errors import UnusableBackup, UnusableDatabase
from cloud.ops.backup import back_up, last_good, restore


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@setting_options("database_url")
def backup(file: Path, database_url: str | None) -> None:
    """Back up the database to a new FILE and verify it; the daemon can keep running.

    The backup contains codes and names, so FILE is readable by its owner only (mode 0600). A PostgreSQL backup is in
    pg_dump's custom format.
    """
    settings = settings_from(database_url=database_url)
    last = last_good(settings.database_url)
    of_last = "" if last is None else f" The last good backup before this was made on {last:%Y-%m-%d %H:%M} UTC."
    try:
        size = back_up(settings.database_url, file, utc_now())
    except (UnusableBackup, UnusableDatabase) as fault:
        said = str(fault)
        if of_last:
            said = f"{said.removesuffix('.')}.{of_last}"
        raise type(fault)(said) from None
    click.echo(f"Backed up {settings.shown_database_url} to {file} ({size:,} bytes, verified).{of_last}")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@setting_options("database_url")
def restore_command(file: Path, database_url: str | None) -> None:
    """Restore the database from FILE. Stop all daemons first.

    An existing SQLite database is kept beside the restored one under another name. PostgreSQL needs a new, empty
    database.
    """
    settings = settings_from(database_url=database_url)
    contents, aside = restore(file, settings.database_url, utc_now())
    for name in contents.applied:
        click.echo(f"Applied {name}.")
    click.echo(f"Restored {contents.lamps} lamps and {contents.users} users from {file}.")
    if aside is not None:
        click.echo(f"The previous database was renamed to {aside}.")
    click.echo("Associations and releases made after the backup are lost; tell those users to repeat them.")
    click.echo("Start the daemon: it republishes every lamp and clears retained messages of unknown lamps.")
