"""Backing a database up while it is worked on, and restoring it: a module a kind of database."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cloud.backup import postgresql, sqlite
from cloud.backup.contents import Contents
from cloud.backup.files import kind_of, new_file
from cloud.database_url import shown_url, sqlite_file
from cloud.errors import UnusableBackup

_KINDS = {"sqlite": sqlite.HEADER, "postgresql": postgresql.HEADER}


def back_up(database_url: str, file: Path) -> int:
    """Write a consistent and checked copy of a database to a new file that only its owner may read; return its bytes.

    Raises:
        UnusableBackup: the file is there already, or can't be written.
        UnusableDatabase: the database can't be read.
    """
    write: Callable[[str, Path], None] = postgresql.dump if sqlite_file(database_url) is None else sqlite.copy
    with new_file(file) as place:
        write(database_url, place)
        return place.stat().st_size


def restore(file: Path, database_url: str, now: datetime) -> tuple[Contents, Path | None]:
    """Make a database what it was when a file was written, of this release, and suspicious of the broker.

    Returns what is in it now, and the file in which the database is that was there before, if any.

    Raises:
        UnusableBackup: the file is no (whole) backup of this kind of database.
        UnusableDatabase: the database can't be written, or somebody works on it, or (PostgreSQL) it is not empty.
    """
    kind = kind_of(file, _KINDS)
    target = sqlite_file(database_url)
    if kind != ("postgresql" if target is None else "sqlite"):
        raise UnusableBackup(
            f"{file} is a backup of a {kind} database, and {shown_url(database_url)} is none; "
            "restore it where it came from, then use 'lampi-cloud copy-database'."
        )
    if target is None:
        return postgresql.load(file, database_url), None
    return sqlite.put_in_place(file, target, now)
