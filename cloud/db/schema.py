"""Database schema: applying migrations and checking the version."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from cloud.db.database import BUSY_SECONDS, one_line, open_database, passes
from cloud.errors import DatabaseAway, UnusableDatabase

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"

_UPGRADE_LOCK = 0x1A3B2
"""PostgreSQL advisory lock for migrations; an arbitrary number."""


def open_current(
    url: str, *, migrate: bool = False, busy_seconds: float = BUSY_SECONDS, most_connections: int | None = None
) -> peewee.Database:
    """Open the database and bind the tables to it; apply migrations first if ``migrate`` is True.

    Raises:
        UnusableDatabase: see `open_database`, `upgrade` and `require_current`.
        DatabaseAway: the database is temporarily unavailable.
    """
    database = open_database(url, create=migrate, busy_seconds=busy_seconds, most_connections=most_connections)
    if migrate:
        for name in upgrade(database):
            log.info("Applied migration %s", name)
    require_current(database)
    return database


def upgrade(database: peewee.Database) -> list[str]:
    """Apply all pending migrations; return their names.

    Raises:
        UnusableDatabase: the database is from a newer release, or can't be written.
        DatabaseAway: the database temporarily can't be written.
    """
    try:
        with _one_at_a_time(database):
            runner = Runner(database, str(MIGRATIONS))
            _refuse_newer(runner)
            applied: list[str] = runner.up()
    except peewee.PeeweeException as fault:
        if passes(fault):  # a daemon that starts meanwhile must not exit
            raise DatabaseAway(f"Can't migrate the database now: {one_line(fault)}") from None
        raise UnusableDatabase(f"Can't migrate the database: {one_line(fault)}") from None
    return applied


def require_current(database: peewee.Database) -> None:
    """Check that the database has exactly this release's migrations.

    Raises:
        UnusableDatabase: migrations are missing, or the database is from a newer release.
        DatabaseAway: the database temporarily can't be read.
    """
    try:
        runner = Runner(database, str(MIGRATIONS))
        _refuse_newer(runner)
        waiting = [migration.name for migration in runner.status() if migration.applied is None]
    except peewee.PeeweeException as fault:
        if passes(fault):  # a daemon that starts meanwhile must not exit
            raise DatabaseAway(f"Can't read the database now: {one_line(fault)}") from None
        raise UnusableDatabase(f"Can't read the database: {one_line(fault)}") from None
    if waiting:
        raise UnusableDatabase("The database has not been migrated to this release; run 'lampi-cloud migrate'.")


@contextmanager
def _one_at_a_time(database: peewee.Database) -> Iterator[None]:
    """Serialize migrations: on SQLite a migration is not one transaction, and two at a time would collide."""
    if isinstance(database, peewee.SqliteDatabase):
        # Lock the folder: closing the database file itself would release SQLite's locks.
        folder = os.open(Path(database.database).resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    else:
        # All migrations in one transaction: a pooler may run what comes after it on another connection.
        with database.atomic():
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_UPGRADE_LOCK,))
            yield


def _refuse_newer(runner: Runner) -> None:
    unknown = [migration.name for migration in runner.status() if migration.path is None]
    if unknown:
        raise UnusableDatabase(
            f"The database is from a newer release (it has {', '.join(unknown)}); install that release or a later one."
        )
