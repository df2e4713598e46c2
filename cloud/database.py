"""Opening the database, and the one way to write to it."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import peewee
from playhouse import db_url
from playhouse.pool import PooledDatabase

from cloud.database_url import shown_url, sqlite_file
from cloud.errors import DatabaseAway, UnusableDatabase

BUSY_SECONDS = 10.0
"""How long a write waits for others' before it fails: longer than hundreds of rivals take on a slow machine, and longer
than PostgreSQL lets one that does nothing hold them up."""

LOG_BYTES = 4_000_000
"""To what length SQLite's log is cut once all of it is in the database; a crowd makes it ten times as long."""

_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    # NORMAL would be faster, and would lose the last commits in a power cut: then somebody was told
    # "this lamp is yours" and it is not.
    "synchronous": "full",
    # Whoever fills the log moves its pages into the database: the daemon, before anybody who waits for an answer.
    "wal_autocheckpoint": 20_000,
    "journal_size_limit": LOG_BYTES,
}

_SQLITE_FOR_CROWDS = {
    "cache_size": -65_536,  # KiB; codes are random, so a crowd of new lamps changes pages all over their indexes
    "wal_autocheckpoint": 10_000,
}

_IDLE_MILLISECONDS = 5000
"""How long PostgreSQL lets a transaction do nothing before it ends the connection."""

_POSTGRES_PATIENCE = {
    "connect_timeout": 5,
    # A server whose machine vanished says nothing more; by default one would wait for it for two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}

_STALE_SECONDS = 300
"""How old a connection of a pool gets."""

_WRITE_LOCK = 0x1A3B1
"""PostgreSQL's advisory lock that stands for SQLite's write lock; any number that is ours alone."""

database_proxy = peewee.DatabaseProxy()

# At DEBUG peewee logs every statement with its parameters, association codes among them.
logging.getLogger("peewee").setLevel(logging.WARNING)


class Table(peewee.Model):
    """What all tables share: the database that `open_database` opened."""

    class Meta:
        """Peewee's settings."""

        database = database_proxy
        legacy_table_names = False


def open_database(
    url: str, *, create: bool = False, busy_seconds: float = BUSY_SECONDS, most_connections: int | None = None
) -> peewee.Database:
    """Open the database as `connect_database` does, and bind the tables to it."""
    database = connect_database(url, create=create, busy_seconds=busy_seconds, most_connections=most_connections)
    database_proxy.initialize(database)
    return database


def connect_database(
    url: str, *, create: bool = False, busy_seconds: float = BUSY_SECONDS, most_connections: int | None = None
) -> peewee.Database:
    """Open a database.

    A SQLite file that does not exist is made only with ``create``: a mistyped name would otherwise
    be an empty database that seems to have lost every lamp. Nobody but its owner may read it: it holds codes. With
    ``most_connections`` its threads share a pool of so many; what a thread closes is kept for the next.

    Raises:
        UnusableDatabase: it can't be opened.
        DatabaseAway: its server does not answer (now), or its file is locked, or its disk is full.
    """
    file = sqlite_file(url)
    if file is not None and not create and not file.exists():
        raise UnusableDatabase(f"There is no database {file}; 'lampi-cloud migrate' makes it.")
    if file is not None and not file.exists():
        with suppress(OSError):  # SQLite says why in a moment, if it can't either; what it adds gets the same mode
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
                # Whoever is paused or gone inside a transaction must not hold up the others for long. And statements
                # are planned for tables as they are, and for a disk that need not seek: else all of one is soon read.
                options=f"-c idle_in_transaction_session_timeout={_IDLE_MILLISECONDS} -c random_page_cost=1.1 "
                f"-c lock_timeout={round(busy_seconds * 1000)} -c plan_cache_mode=force_custom_plan",
                **_POSTGRES_PATIENCE,
                **pool,
            )
        database.connect()
    except peewee.PeeweeException as fault:
        kind = DatabaseAway if file is None or _passes(fault) else UnusableDatabase
        raise kind(
            f"The database {shown_url(url.replace('+pool:', ':', 1))} can't be opened: {one_line(fault)}"
        ) from None
    return database


def _connect_sqlite(url: str, busy_seconds: float, pool: dict[str, Any]) -> peewee.Database:
    if not pool:
        return db_url.connect(url, pragmas=_SQLITE_PRAGMAS, timeout=busy_seconds)
    pragmas = _SQLITE_PRAGMAS | {"busy_timeout": round(busy_seconds * 1000)}  # a pool's timeout is another one
    # Only one thread at a time has a connection, but not always the same.
    return db_url.connect(url, pragmas=pragmas, check_same_thread=False, **pool)


def expect_crowds(database: peewee.Database) -> None:
    """Give the daemon's connections what many lamps at once take; PostgreSQL's server sees to it by itself."""
    if isinstance(database, peewee.SqliteDatabase):
        for name, value in _SQLITE_FOR_CROWDS.items():
            database.pragma(name, value, permanent=True)


def drop_connections() -> None:
    """Close this thread's connection and those that a pool keeps: the database failed, and they are as good as gone."""
    with suppress(peewee.PeeweeException):
        database_proxy.close()
    if isinstance(database_proxy.obj, PooledDatabase):
        database_proxy.obj.close_idle()


@contextmanager
def write_transaction(database: peewee.Database | None = None, *, durable: bool = True) -> Iterator[None]:
    """Run a block as one transaction that holds the write lock from its start; on the open database if not given.

    So that what the block reads is still true when it writes: on SQLite a transaction that read first
    fails at once with "database is locked" when another process wrote since, whatever the busy timeout;
    on PostgreSQL two could read the same and both write. A block inside another joins it.

    One that need not be ``durable`` does not wait for the disk: a power cut may take it, nothing else does. It is for
    what nobody is told of and anybody can cause, such as counting wrong codes: it must not keep the disk busy.
    """
    database = database or database_proxy.obj
    if isinstance(database, peewee.SqliteDatabase):
        hurried = not durable and not database.in_transaction()  # SQLite decides it before a transaction begins
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
    """Run a statement that is written out, with `?` for each parameter, and return its rows.

    For what every attempt asks: building such a query takes peewee ten times as long as running it.
    """
    database = database_proxy.obj
    cursor = database.execute_sql(statement.replace("?", database.param), parameters)
    return list(cursor.fetchall()) if cursor.description else []


def _passes(fault: BaseException) -> bool:
    """Tell whether SQLite failed for something that passes: a lock, a disk that is full or falters."""
    cause = fault.__context__
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def one_line(fault: BaseException) -> str:
    """Return a database's error message as one line: the first of a chain, since a rollback that fails hides why."""
    earlier = fault.__context__
    while earlier is not None:
        if isinstance(earlier, peewee.PeeweeException):
            fault = earlier
        earlier = earlier.__context__
    lines = str(fault).strip().splitlines()  # PostgreSQL's further lines quote rows, and with them codes
    return lines[0] if lines else type(fault).__name__
