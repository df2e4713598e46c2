"""Online backup and restore of the database; one module per kind of database."""

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import peewee

from cloud.db.database import one_line, open_database
from cloud.db.url import shown_url, sqlite_file
from cloud.errors import UnusableBackup, UnusableDatabase
from cloud.ops.backup import postgresql, sqlite
from cloud.ops.backup.contents import Contents
from cloud.ops.backup.files import kind_of, new_file
from cloud.store import backups

log = logging.getLogger(__name__)

_KINDS = {"sqlite": sqlite.HEADER, "postgresql": postgresql.HEADER}


def back_up(database_url: str, file: Path, now: datetime) -> int:
    """Write a consistent, verified copy of a database to a new file of mode 0600; return its size in bytes.

    The database then records when its last backup was made.

    Raises:
        UnusableBackup: the file already exists or can't be written.
        UnusableDatabase: the database can't be read.
    """
    write: Callable[[str, Path], None] = postgresql.dump if sqlite_file(database_url) is None else sqlite.copy
    with new_file(file) as place:
        write(database_url, place)
        size = place.stat().st_size
    try:
        with closing(open_database(database_url)):
            backups.record(now)
    except (peewee.PeeweeException, UnusableDatabase) as fault:  # such as a database of an earlier release
        log.warning("The backup is complete, but its time could not be recorded: %s", one_line(fault))
    return size


def last_good(database_url: str) -> datetime | None:
    """Return when the last good backup was made; None if there was none, or if it can't be read."""
    try:
        with closing(open_database(database_url)):
            return backups.last_made_at()
    except (peewee.PeeweeException, UnusableDatabase):
        return None


def restore(file: Path, database_url: str, now: datetime) -> tuple[Contents, Path | None]:
    """Restore a backup, apply pending migrations, and mark the broker's retained messages as untrusted.

    Returns the restored contents and the file that now holds the previous database, if any.

    Raises:
        UnusableBackup: the file is not a complete backup of this kind of database.
        UnusableDatabase: the database can't be written or is in use, or (PostgreSQL) is not empty.
    """
    kind = kind_of(file, _KINDS)
    target = sqlite_file(database_url)
    if kind != ("postgresql" if target is None else "sqlite"):
        raise UnusableBackup(
            f"{file} is a backup of a {kind} database, but {shown_url(database_url)} is another kind; "
            f"restore it to a {kind} database, then use 'lampi-cloud copy-database'."
        )
    if target is None:
        return postgresql.load(file, database_url), None
    return sqlite.put_in_place(file, target, now)
