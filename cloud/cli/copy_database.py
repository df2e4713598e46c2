"""`lampi-cloud copy-database`."""

import sys

import click

from cloud.db.database import connect_database
from cloud.db.timestamps import utc_now
from cloud.db.url import parse_database_url, shown_url
from cloud.ops.copy_database import copy_database, rows_to_copy


class DatabaseUrl(click.ParamType[str]):
    """A database URL as a command-line argument."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_database_url(value)
        except ValueError as fault:
            self.fail(f"{fault}.", param, ctx)


@click.command("copy-database")
@click.argument("source", metavar="FROM", type=DatabaseUrl())
@click.argument("target", metavar="[TO]", type=DatabaseUrl(), envvar="LAMPI_DATABASE_URL")
def copy_database_command(source: str, target: str) -> None:
    """Copy a database into an empty one, for example from SQLite to PostgreSQL.

    Stop the daemon first. Without TO, the target is LAMPI_DATABASE_URL; this keeps the password out of the process
    list, which all users of the machine can see.
    """
    original = connect_database(source)
    rows = rows_to_copy(original, utc_now())
    copy = connect_database(target, create=True)
    try:
        with click.progressbar(length=rows, label="Copying", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
            counts = copy_database(original, copy, bar.update)
    finally:
        original.close()
        copy.close()
    for table, count in counts.items():
        click.echo(f"{count:>9} {table}")
    click.echo(f"Copied {shown_url(source)} to {shown_url(target)} and verified the copy.")
