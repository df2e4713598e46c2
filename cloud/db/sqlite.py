"""SQLite connections: tuning, and detection of a replaced file."""

import os
import sqlite3
import unicodedata
from pathlib import Path
from typing import Any

import peewee
from playhouse.pool import PooledSqliteDatabase

LOG_BYTES = 4_000_000
"""SQLite truncates its write-ahead log to this size after a checkpoint; a burst of lamps makes it ten times as long."""

_PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    # NORMAL is faster but loses the last commits in a power cut, after the user was told that the lamp is theirs.
    "synchronous": "full",
    # The process that fills the log runs the checkpoint. The daemon has a lower threshold, so that it does so before a
    # process that a user is waiting for.
    "wal_autocheckpoint": 20_000,
    "journal_size_limit": LOG_BYTES,
}

_FOR_BURSTS = {
    "cache_size": -65_536,  # KiB; codes are random, so inserting many lamps touches pages all over the indexes
    "wal_autocheckpoint": 10_000,
}

SORT_KEY = "lampi_sort_key"
"""SQL function that SQLite's connections get: SQLite's own LOWER and collations know the 26 letters only."""

Identity = tuple[int, int]


class _Cursor(sqlite3.Cursor):
    """Converts errors while fetching to peewee's; peewee itself converts only errors while executing."""

    def fetchone(self) -> Any:
        with peewee.__exception_wrapper__:
            return super().fetchone()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        with peewee.__exception_wrapper__:
            return super().fetchmany(self.arraysize if size is None else size)

    def fetchall(self) -> list[Any]:
        with peewee.__exception_wrapper__:
            return super().fetchall()

    def __next__(self) -> Any:
        with peewee.__exception_wrapper__:
            return super().__next__()


class _Connection(sqlite3.Connection):
    identity: Identity | None = None

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


class SqliteFile(peewee.SqliteDatabase):
    """A database file; it is never created by connecting to it."""

    def __init__(self, file: Path, *, busy_seconds: float, **pool: Any) -> None:
        pragmas = _PRAGMAS | {"busy_timeout": round(busy_seconds * 1000)}
        super().__init__(file, pragmas=pragmas, factory=_Connection, **pool)

        self.register_function(_sort_key, SORT_KEY, 1)

    def _connect(self) -> _Connection:
        identity = _identity_of(self.database)
        if identity is None:
            raise sqlite3.OperationalError(f"{self.database} is gone")
        connection: _Connection = super()._connect()
        connection.identity = identity
        return connection

    def is_replaced(self, connection: _Connection | None = None) -> bool:
        """Return whether the file was moved away, deleted or replaced since the connection was made."""
        connected: _Connection = connection or self.connection()
        return connected.identity != _identity_of(self.database)


class PooledSqliteFile(PooledSqliteDatabase, SqliteFile):
    """A connection pool shared by threads; connections to a replaced file are not reused."""

    def __init__(self, file: Path, *, busy_seconds: float, **pool: Any) -> None:
        # A connection is used by one thread at a time, but not always by the same one.
        super().__init__(file, busy_seconds=busy_seconds, check_same_thread=False, **pool)

    def _is_closed(self, connection: _Connection) -> bool:
        return super()._is_closed(connection) or self.is_replaced(connection)


def _sort_key(text: str) -> str:
    """Return text without case and accents: "Äpfel" next to "apfel", as PostgreSQL's usual collations have it."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in split if not unicodedata.combining(character))


def tune_for_bursts(database: SqliteFile) -> None:
    """Tune the daemon's connection for bursts of lamps."""
    for name, value in _FOR_BURSTS.items():
        database.pragma(name, value, permanent=True)


def _identity_of(file: str | Path) -> Identity | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino
