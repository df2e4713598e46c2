"""The database's schema: upgrading it, and refusing one that is too old or too new."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from cloud.database import BUSY_SECONDS, one_line, open_database
from cloud.errors import DatabaseAway, UnusableDatabase

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"

_UPGRADE_LOCK = 0x1A3B2
"""PostgreSQL's advisory lock for upgrading; any number that is ours alone."""

_PASSING = (peewee.OperationalError, peewee.InterfaceError)
"""A server that went away, a lock, a full disk: they pass, and a daemon that starts just then must not end for them."""


def open_current(
    url: str, *, migrate: bool = False, busy_seconds: float = BUSY_SECONDS, most_connections: int | None = None
) -> peewee.Database:
    """Open the database, bind the tables to it, and upgrade it first where asked to.

    Raises:
        UnusableDatabase: see `open_database`, `upgrade` and `require_current`.
        DatabaseAway: it can't be used now.
    """
    database = open_database(url, create=migrate, busy_seconds=busy_seconds, most_connections=most_connections)
    if migrate:
        for name in upgrade(database):
            log.info("Upgraded the database: %s", name)
    require_current(database)
    return database


def upgrade(database: peewee.Database) -> list[str]:
    """Create or upgrade the tables; return the names of the migrations that were applied.

    Raises:
        UnusableDatabase: a newer release made the database, or it can't be written.
        DatabaseAway: it can't be written now.
    """
    try:
        with _one_at_a_time(database):
            runner = Runner(database, str(MIGRATIONS))
            _refuse_newer(runner)
            applied: list[str] = runner.up()
    except _PASSING as fault:
        raise DatabaseAway(f"The database can't be upgraded now: {one_line(fault)}") from None
    except peewee.PeeweeException as fault:
        raise UnusableDatabase(f"The database can't be upgraded: {one_line(fault)}") from None
    return applied


def require_current(database: peewee.Database) -> None:
    """Make sure that the database is as this release wants it.

    Raises:
        UnusableDatabase: it is unmigrated, or a newer release made it.
        DatabaseAway: it can't be read now.
    """
    try:
        runner = Runner(database, str(MIGRATIONS))
        _refuse_newer(runner)
        waiting = [migration.name for migration in runner.status() if migration.applied is None]
    except _PASSING as fault:
        raise DatabaseAway(f"The database can't be read now: {one_line(fault)}") from None
    except peewee.PeeweeException as fault:
        raise UnusableDatabase(f"The database can't be read: {one_line(fault)}") from None
    if waiting:
        raise UnusableDatabase("The database is not of this release yet; run 'lampi-cloud migrate' first.")


@contextmanager
def _one_at_a_time(database: peewee.Database) -> Iterator[None]:
    """Let one process upgrade while the others wait: a migration is not one transaction on SQLite, and two collide."""
    if isinstance(database, peewee.SqliteDatabase):
        # The folder, not the database's own file: closing that would take SQLite's locks from under it.
        folder = os.open(Path(database.database).resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    else:
        database.execute_sql("SELECT pg_advisory_lock(%s)", (_UPGRADE_LOCK,))
        try:
            yield
        finally:
            database.execute_sql("SELECT pg_advisory_unlock(%s)", (_UPGRADE_LOCK,))


def _refuse_newer(runner: Runner) -> None:
    unknown = [migration.name for migration in runner.status() if migration.path is None]
    if unknown:
        raise UnusableDatabase(
            f"A newer release made this database (it has {', '.join(unknown)}); install that release, or a later one."
        )
