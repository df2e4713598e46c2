"""The database's schema: upgrading it, and refusing one that is too old or too new."""

from pathlib import Path

import peewee
from playhouse.migrations import Runner

from cloud.database import one_line
from cloud.errors import UnusableDatabase

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: peewee.Database) -> list[str]:
    """Create or upgrade the tables; return the names of the migrations that were applied.

    Raises:
        UnusableDatabase: a newer release made the database, or it can't be written.
    """
    try:
        runner = Runner(database, str(MIGRATIONS))
        _refuse_newer(runner)
        applied: list[str] = runner.up()
    except peewee.PeeweeException as fault:
        raise UnusableDatabase(f"The database can't be upgraded: {one_line(fault)}") from None
    return applied


def require_current(database: peewee.Database) -> None:
    """Make sure that the database is as this release wants it.

    Raises:
        UnusableDatabase: it is unmigrated, or a newer release made it.
    """
    try:
        runner = Runner(database, str(MIGRATIONS))
        _refuse_newer(runner)
        waiting = [migration.name for migration in runner.status() if migration.applied is None]
    except peewee.PeeweeException as fault:
        raise UnusableDatabase(f"The database can't be read: {one_line(fault)}") from None
    if waiting:
        raise UnusableDatabase("The database is not of this release yet; run 'lampi-cloud migrate' first.")


def _refuse_newer(runner: Runner) -> None:
    unknown = [migration.name for migration in runner.status() if migration.path is None]
    if unknown:
        raise UnusableDatabase(
            f"A newer release made this database (it has {', '.join(unknown)}); install that release, or a later one."
        )
