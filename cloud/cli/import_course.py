"""`lampi-cloud import-course`."""

import click

from cloud.cli.options import with_database
from cloud.db.timestamps import utc_now
from cloud.ops.course.importing import import_site
from cloud.ops.course.site import read_site
from cloud.store.sources import COURSE_IMPORT, command_line


@click.command("import-course")
@click.argument("site", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Only print what would be imported and left out.")
@with_database
def import_course(site: str, dry_run: bool) -> None:
    """Import the users and lamps of a LAMPI course site (Django) that are not here yet.

    FILE is the site's SQLite database, or the URL of its PostgreSQL database; a password for it can be given in
    PGPASSWORD, since all users of the machine can see the command line. The site's database is only read.

    Users keep their names and passwords. Lamps keep their owners, names and codes. What is left out is listed with the
    reason. What is here already doesn't change, so the import can be repeated.
    """
    report = import_site(read_site(site), utc_now(), command_line(COURSE_IMPORT), dry_run=dry_run)
    for line in report.lines(dry_run=dry_run):
        click.echo(line)
