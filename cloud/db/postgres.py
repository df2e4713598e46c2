"""PostgreSQL connections, direct or through a pooler such as pgbouncer."""

import select
import time
from typing import Any

import peewee
import psycopg
from playhouse.pool import MaxConnectionsExceeded, PooledPostgresqlDatabase
from psycopg.conninfo import conninfo_to_dict

from cloud.errors import UnusableDatabase

IDLE_MILLISECONDS = 5000
"""PostgreSQL closes a connection whose transaction is idle for this long: a client that is paused or gone inside a
transaction must not block others."""

_TIMEOUTS = {
    "connect_timeout": 5,
    # Detect a server host that vanished; TCP's default takes two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}

FAILS_FOR_SECONDS = 1.0
"""How long the pool considers a server unavailable after a failed connection attempt."""

_WRITE_LOCK = 0x1A3B1
"""Advisory lock that serializes writers, as SQLite's write lock does; an arbitrary number."""

_ENCODINGS = ("UTF8", "SQL_ASCII")
"""Server encodings that can hold all names: SQL_ASCII keeps the client's bytes."""

_REFUSED = ("FATAL", "no more connections allowed")
"""Errors of PostgreSQL, in any language, and of pgbouncer at the connection limit; libpq reports no SQLSTATE."""


class PostgresDatabase(peewee.PostgresqlDatabase):
    """A PostgreSQL database that is always addressed in UTF-8.

    Settings are made by statements, because poolers reject the startup parameter `options`. Prepared statements are not
    used: in a pooler's transaction mode, the next transaction may run on another server connection.
    """

    def __init__(self, url: str, *, busy_seconds: float, **pool: Any) -> None:
        self._lock_milliseconds = str(round(busy_seconds * 1000))
        given = conninfo_to_dict(url)
        timeouts = {name: value for name, value in _TIMEOUTS.items() if name not in given}
        super().__init__(url, prefer_psycopg3=True, prepare_threshold=None, client_encoding="UTF8", **timeouts, **pool)

    def _connect(self) -> psycopg.Connection:
        connection: psycopg.Connection = super()._connect()
        try:
            _check_encoding(connection)
            # A low random_page_cost makes PostgreSQL use indexes; otherwise it soon scans whole tables.
            connection.execute(
                "SELECT set_config('lock_timeout', %s, false), set_config('random_page_cost', '1.1', false),"
                " set_config('idle_in_transaction_session_timeout', %s, false)",
                (self._lock_milliseconds, str(IDLE_MILLISECONDS)),
            )
        except BaseException:
            connection.close()
            raise
        return connection

    def lock_for_writing(self) -> None:
        """Wait for the write lock; the current transaction holds it until it ends, within the timeouts."""
        # Set again: in a pooler's transaction mode, this may be a different connection than in `_connect`.
        self.execute_sql(
            "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true),"
            " pg_advisory_xact_lock(%s)",
            (self._lock_milliseconds, str(IDLE_MILLISECONDS), _WRITE_LOCK),
        )


def _check_encoding(connection: psycopg.Connection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding is None:  # some poolers don't forward it
        ((encoding,),) = connection.execute("SHOW server_encoding").fetchall()
    if encoding not in _ENCODINGS:
        raise UnusableDatabase(
            f"The database has the encoding {encoding}, which can't hold every name; create it with "
            "ENCODING 'UTF8' TEMPLATE template0."
        )


class PooledPostgresDatabase(PooledPostgresqlDatabase, PostgresDatabase):
    """A connection pool shared by threads; it has fewer connections than requested if the server's limit is lower.

    One thread at a time connects. If the server does not answer, the waiting threads fail with the same error instead
    of each waiting for its own timeout.
    """

    _fault: psycopg.OperationalError | None = None
    _failed_at = 0.0

    def _connect(self) -> psycopg.Connection:
        if not self._connections and self._fault is not None and time.monotonic() < self._failed_at + FAILS_FOR_SECONDS:
            raise psycopg.OperationalError(str(self._fault))
        try:
            connection: psycopg.Connection = super()._connect()
        except psycopg.OperationalError as refusal:
            if self._in_use and any(words in str(refusal) for words in _REFUSED):
                raise MaxConnectionsExceeded(str(refusal)) from None  # `connect` waits until one is returned
            self._fault, self._failed_at = refusal, time.monotonic()
            raise
        self._fault = None
        return connection

    def _is_closed(self, connection: psycopg.Connection) -> bool:
        """Return whether a connection can't be used again: an idle one is readable only if the server has closed it."""
        if connection.closed:
            return True
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
