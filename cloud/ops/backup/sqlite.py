"""Backup and restore of SQLite with its online backup API."""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import peewee

from cloud.db.database import open_database
from cloud.db.foreign_database import refuse_foreign_file
from cloud.db.url import sqlite_url
from cloud.errors import UnusableBackup, UnusableDatabase
from cloud.ops.backup.contents import Contents, make_current
from cloud.ops.backup.files import place_beside
from cloud.ops.backup.foreign_schema import refuse_foreign_schema
from cloud.store import lease
from shared.files import link_or_move, sync

HEADER = b"SQLite format 3\0"
BUSY_SECONDS = 1.0
"""How long to wait for other connections before the database counts as in use."""


def copy(database_url: str, place: Path) -> None:
    """Copy a consistent snapshot of a database to an empty file without blocking writers.

    Raises:
        UnusableDatabase: the database can't be read or is damaged.
    """
    database = open_database(database_url)
    try:
        _copy_whole(database.connection(), place)
    except sqlite3.Error as fault:
        raise UnusableDatabase(f"Can't back up the database: {fault}.") from None
    finally:
        database.close()


def put_in_place(file: Path, target: Path, now: datetime) -> tuple[Contents, Path | None]:
    """Restore a database; an existing one is renamed and never deleted. A link to it stays.

    Raises:
        UnusableBackup: the file is damaged, or has a trigger, a table or anything else that isn't this program's.
        UnusableDatabase: the existing database is in use by a daemon, the web page or another program, or isn't a file.
        ForeignDatabase: the existing database is another program's.
    """
    target = Path(os.path.realpath(target))
    if target.exists() and not target.is_file():
        raise UnusableDatabase(f"The database {target} is not a regular file.")
    if target.exists():
        refuse_foreign_file(target)
    with place_beside(target) as place:
        try:
            with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as backup:
                _copy_whole(backup, place)
        except sqlite3.Error as fault:
            raise UnusableBackup(f"{file} is damaged: {fault}.") from None
        refuse_foreign_schema(place, file)
        contents, database = make_current(sqlite_url(place))
        database.pragma("journal_mode", "delete")
        database.close()
        aside = None
        _give_to_owner(place, target)
        if target.exists():
            _refuse_while_in_use(target, now)
            aside = _set_aside(target, now)
        sync(place)
        place.replace(target)
    sync(target.parent)
    return contents, aside


def _copy_whole(source: sqlite3.Connection, place: Path) -> None:
    """Copy a database in one step into a single file and check every page of the copy.

    Raises:
        sqlite3.Error: it is damaged.
    """
    with closing(sqlite3.connect(place)) as copied:
        source.backup(copied)
        copied.execute("PRAGMA journal_mode = DELETE")
        faults = [row[0] for row in copied.execute("PRAGMA integrity_check(1)") if row[0] != "ok"]
        faults += [f"a row of {row[0]} has a dangling reference" for row in copied.execute("PRAGMA foreign_key_check")]
    if faults:
        raise sqlite3.DatabaseError(str(faults[0]).splitlines()[-1])


def _refuse_while_in_use(target: Path, now: datetime) -> None:
    """Raise if the database is open elsewhere: such a program would continue with the renamed file."""
    leader, is_open_elsewhere = None, False
    with suppress(UnusableDatabase, peewee.PeeweeException):  # damaged or empty, so not in use
        database = open_database(sqlite_url(target), busy_seconds=BUSY_SECONDS)
        try:
            leader = lease.leader(now)
            is_open_elsewhere = not _leave_write_ahead_log(database)
        finally:
            database.close()
    if leader is not None:
        raise UnusableDatabase(f"A daemon is using {target} ({leader.shown}); stop it first.")
    if is_open_elsewhere:
        raise UnusableDatabase(f"{target} is in use: stop the daemons, the web page and any other command first.")


def _leave_write_ahead_log(database: peewee.Database) -> bool:
    """Merge the write-ahead log into the database file; return False if others have the database open."""
    try:
        database.execute_sql("PRAGMA journal_mode = DELETE")
    except peewee.OperationalError as fault:
        if getattr(fault.__context__, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True


def _set_aside(target: Path, now: datetime) -> Path:
    """Give the existing database a second name, and move SQLite's files beside it."""
    aside = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%SZ}")
    link_or_move(target, aside)
    for beside in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{target}{beside}").rename(f"{aside}{beside}")
    return aside


def _give_to_owner(place: Path, target: Path) -> None:
    """When root restores, give the file to the owner of the previous database or of the folder."""
    if os.geteuid() == 0:
        owner = (target if target.exists() else target.parent).stat()
        os.chown(place, owner.st_uid, owner.st_gid)
