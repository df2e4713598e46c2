"""Database connections and write transactions."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import peewee
from playhouse.pool import PooledDatabase

from cloud.db.foreign_database import refuse_foreign_file, refuse_foreign_server_database
from cloud.db.postgres import PooledPostgresDatabase, PostgresDatabase
from cloud.db.sqlite import SORT_KEY, PooledSqliteFile, SqliteFile
from cloud.db.url import shown_url, sqlite_file
from cloud.errors import DatabaseAway, DatabaseReplaced, UnusableDatabase

BUSY_SECONDS = 10.0
"""How long a write waits for the lock: longer than hundreds of competing writers take on a slow machine, and longer
than PostgreSQL's idle timeout for the transaction that holds it."""

_STALE_SECONDS = 300
"""Maximum age of a pooled connection."""

database_proxy = peewee.DatabaseProxy()

# At DEBUG peewee logs statements with their parameters, including association codes.
logging.getLogger("peewee").setLevel(logging.WARNING)


class _NoObjects:
    """What `objects` is, which users of the LAMPI course know from Django: an error that names peewee's words."""

    def __get__(self, _instance: object, table: type) -> NoReturn:
        name = table.__name__
        raise AttributeError(f"{name} is a peewee model: use {name}.select() and {name}.get(...), not {name}.objects")


class Table(peewee.Model):
    """Base class that binds tables to the database of `open_database`."""

    objects = _NoObjects()

    class Meta:
        database = database_proxy
        legacy_table_names = False


def open_database(
    url: str, *, create: bool = False, busy_seconds: float = BUSY_SECONDS, most_connections: int | None = None
) -> peewee.Database:
    """Open the database with `connect_database` and bind the tables to it."""
    database = connect_database(url, create=create, busy_seconds=busy_seconds, most_connections=most_connections)
    database_proxy.initialize(database)
    return database


def connect_database(
    url: str, *, create: bool = False, busy_seconds: float = BUSY_SECONDS, most_connections: int | None = None
) -> peewee.Database:
    """Open a database.

    A missing SQLite file is created only with ``create``; otherwise a mistyped path would look like a database that
    lost every lamp. The file is readable by its owner only, since it holds codes. With ``most_connections``, threads
    share a pool of that many connections.

    Raises:
        UnusableDatabase: the database can't be opened.
        ForeignDatabase: it is another program's.
        DatabaseAway: the server does not respond, the file is locked, or the disk is full.
    """
    file = sqlite_file(url)
    if file is not None and not create and not file.exists():
        raise UnusableDatabase(f"There is no database {file}; create it with 'lampi-cloud migrate'.")
    if file is not None and file.exists() and not file.is_file():
        raise UnusableDatabase(f"Can't open the database {shown_url(url)}: not a regular file.")
    if file is not None and not file.exists():
        with suppress(OSError):  # if this fails, SQLite reports the reason; its WAL files inherit the mode
            file.touch(mode=0o600)
    elif file is not None:
        refuse_foreign_file(file)
    pool: dict[str, Any] = {}
    if most_connections is not None:
        pool = {"max_connections": most_connections, "stale_timeout": _STALE_SECONDS, "timeout": busy_seconds}
    try:
        if file is not None:
            database = (PooledSqliteFile if pool else SqliteFile)(file, busy_seconds=busy_seconds, **pool)
        else:
            database = (PooledPostgresDatabase if pool else PostgresDatabase)(url, busy_seconds=busy_seconds, **pool)
        database.connect()
        refuse_foreign_server_database(database, url)
    except peewee.PeeweeException as fault:
        kind = DatabaseAway if file is None or passes(fault) else UnusableDatabase
        raise kind(f"Can't open the database {shown_url(url)}: {one_line(fault)}") from None
    return database


def alphabetical(text: peewee.Field) -> peewee.Function:
    """Return the expression to order by, so that people find a name: without case and, on SQLite, without accents.

    PostgreSQL orders by the database's collation.
    """
    return peewee.Function(SORT_KEY if isinstance(database_proxy.obj, SqliteFile) else "LOWER", [text])


@contextmanager
def connection_returned() -> Iterator[None]:
    """Return this thread's connection to the pool for a block of slow work that needs no database."""
    database = database_proxy.obj
    if not isinstance(database, PooledDatabase) or database.is_closed() or database.in_transaction():
        yield
        return
    database.close()
    try:
        yield
    finally:
        database.connect(reuse_if_open=True)


def drop_connections() -> None:
    """Close this thread's connection and the pool's idle ones after a database error."""
    with suppress(peewee.PeeweeException):
        database_proxy.close()
    if isinstance(database_proxy.obj, PooledDatabase):
        database_proxy.obj.close_idle()


@contextmanager
def write_transaction(database: peewee.Database | None = None, *, durable: bool = True) -> Iterator[None]:
    """Run a block in a transaction that holds the write lock from its start; nested blocks join it.

    Raises:
        DatabaseReplaced: the file was replaced since it was opened; a write to it would be lost.

    What the block reads is still true when it writes. On SQLite, a transaction that reads first fails at once with
    "database is locked" if another process wrote meanwhile, whatever the busy timeout; on PostgreSQL, two could read
    the same row and both write.

    With ``durable=False`` the commit does not wait for the disk, and a power cut may lose it. This is for writes that
    anyone can trigger and nothing relies on, such as counting wrong codes, so that they can't saturate the disk.
    """
    database = database or database_proxy.obj
    if isinstance(database, SqliteFile):
        if not database.in_transaction() and database.is_replaced():
            database.close()
            raise DatabaseReplaced(f"The database file {database.database} was moved or replaced; opening it again.")
        hurried = not durable and not database.in_transaction()  # SQLite applies it only outside a transaction
        if hurried:
            database.execute_sql("PRAGMA synchronous = normal")
        try:
            with database.atomic("IMMEDIATE"):
                yield
        finally:
            if hurried:
                database.execute_sql("PRAGMA synchronous = full")
    else:
        with database.atomic():
            database.lock_for_writing()
            if not durable and database.transaction_depth() == 1:
                database.execute_sql("SET LOCAL synchronous_commit = off")
            yield


def run_sql(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run a SQL statement with `?` placeholders and return its rows.

    For hot paths: peewee takes ten times as long to build such a query as to run it.
    """
    database = database_proxy.obj
    cursor = database.execute_sql(statement.replace("?", database.param), parameters)
    return list(cursor.fetchall()) if cursor.description else []


def passes(fault: peewee.PeeweeException) -> bool:
    """Return whether an error is transient: a lock, a full disk, an I/O error, or a server that is unavailable."""
    cause = fault.__context__
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return isinstance(fault, peewee.OperationalError | peewee.InterfaceError)


def one_line(fault: BaseException) -> str:
    """Return a database error as one line: the first of the chain, since a failed rollback hides the cause."""
    earlier = fault.__context__
    while earlier is not None:
        if isinstance(earlier, peewee.PeeweeException):
            fault = earlier
        earlier = earlier.__context__
    lines = str(fault).strip().splitlines()  # PostgreSQL's further lines quote rows, including codes
    return lines[0] if lines else type(fault).__name__
