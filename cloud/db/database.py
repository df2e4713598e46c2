"""Database connections and write transactions."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import peewee
from playhouse import db_url
from playhouse.pool import PooledDatabase

from cloud.db.url import shown_url, sqlite_file
from cloud.errors import DatabaseAway, UnusableDatabase

BUSY_SECONDS = 10.0
"""How long a write waits for the lock: longer than hundreds of competing writers take on a slow machine, and longer
than PostgreSQL's idle timeout for the transaction that holds it."""

LOG_BYTES = 4_000_000
"""SQLite truncates its write-ahead log to this size after a checkpoint; a burst of lamps makes it ten times as long."""

_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    # NORMAL is faster but loses the last commits in a power cut, after the user was told that the lamp is theirs.
    "synchronous": "full",
    # The process that fills the log runs the checkpoint. The daemon has a lower threshold, so that it does so before a
    # process that a user is waiting for.
    "wal_autocheckpoint": 20_000,
    "journal_size_limit": LOG_BYTES,
}

_SQLITE_FOR_CROWDS = {
    "cache_size": -65_536,  # KiB; codes are random, so inserting many lamps touches pages all over the indexes
    "wal_autocheckpoint": 10_000,
}

_IDLE_MILLISECONDS = 5000
"""PostgreSQL closes a connection whose transaction is idle for this long."""

_POSTGRES_PATIENCE = {
    "connect_timeout": 5,
    # Detect a server host that vanished; TCP's default takes two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}

_STALE_SECONDS = 300
"""Maximum age of a pooled connection."""

_WRITE_LOCK = 0x1A3B1
"""PostgreSQL advisory lock that serializes writers, as SQLite's write lock does; an arbitrary number."""

database_proxy = peewee.DatabaseProxy()

# At DEBUG peewee logs statements with their parameters, including association codes.
logging.getLogger("peewee").setLevel(logging.WARNING)


class Table(peewee.Model):
    """Base class that binds tables to the database of `open_database`."""

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
        DatabaseAway: the server does not respond, the file is locked, or the disk is full.
    """
    file = sqlite_file(url)
    if file is not None and not create and not file.exists():
        raise UnusableDatabase(f"There is no database {file}; create it with 'lampi-cloud migrate'.")
    if file is not None and not file.exists():
        with suppress(OSError):  # if this fails, SQLite reports the reason; its WAL files inherit the mode
            file.touch(mode=0o600)
    pool: dict[str, Any] = {}
    if most_connections is not None:
        url = url.replace(":", "+pool:", 1)
        pool = {"max_connections": most_connections, "stale_timeout": _STALE_SECONDS, "timeout": busy_seconds}
    try:
        if file is not None:
            database = _connect_sqlite(url, busy_seconds, pool)
        else:
            database = db_url.connect(
                url,
                unquote_user=True,
                unquote_password=True,
                prefer_psycopg3=True,
                # A client that is paused or gone inside a transaction must not block others. Custom plans and a low
                # random_page_cost make PostgreSQL use indexes; otherwise it soon scans whole tables.
                options=f"-c idle_in_transaction_session_timeout={_IDLE_MILLISECONDS} -c random_page_cost=1.1 "
                f"-c lock_timeout={round(busy_seconds * 1000)} -c plan_cache_mode=force_custom_plan",
                **_POSTGRES_PATIENCE,
                **pool,
            )
        database.connect()
    except peewee.PeeweeException as fault:
        kind = DatabaseAway if file is None or passes(fault) else UnusableDatabase
        raise kind(f"Can't open the database {shown_url(url.replace('+pool:', ':', 1))}: {one_line(fault)}") from None
    return database


def _connect_sqlite(url: str, busy_seconds: float, pool: dict[str, Any]) -> peewee.Database:
    if not pool:
        return db_url.connect(url, pragmas=_SQLITE_PRAGMAS, timeout=busy_seconds)
    pragmas = _SQLITE_PRAGMAS | {"busy_timeout": round(busy_seconds * 1000)}  # the pool's own timeout is something else
    # A connection is used by one thread at a time, but not always by the same one.
    return db_url.connect(url, pragmas=pragmas, check_same_thread=False, **pool)


def tune_for_bursts(database: peewee.Database) -> None:
    """Tune the daemon's SQLite connection for bursts of lamps; PostgreSQL needs no tuning."""
    if isinstance(database, peewee.SqliteDatabase):
        for name, value in _SQLITE_FOR_CROWDS.items():
            database.pragma(name, value, permanent=True)


def drop_connections() -> None:
    """Close this thread's connection and the pool's idle ones after a database error."""
    with suppress(peewee.PeeweeException):
        database_proxy.close()
    if isinstance(database_proxy.obj, PooledDatabase):
        database_proxy.obj.close_idle()


@contextmanager
def write_transaction(database: peewee.Database | None = None, *, durable: bool = True) -> Iterator[None]:
    """Run a block in a transaction that holds the write lock from its start; nested blocks join it.

    What the block reads is still true when it writes. On SQLite, a transaction that reads first fails at once with
    "database is locked" if another process wrote meanwhile, whatever the busy timeout; on PostgreSQL, two could read
    the same row and both write.

    With ``durable=False`` the commit does not wait for the disk, and a power cut may lose it. This is for writes that
    anyone can trigger and nothing relies on, such as counting wrong codes, so that they can't saturate the disk.
    """
    database = database or database_proxy.obj
    if isinstance(database, peewee.SqliteDatabase):
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
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_WRITE_LOCK,))
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
