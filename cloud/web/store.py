"""The database as the page uses it: one connection a request, and the secret that signs cookies."""

import logging
import secrets
import threading

import peewee
from flask import Flask, request
from peewee import AutoField, CharField

from cloud.database import Table, database_proxy, drop_connections, one_line, write_transaction
from cloud.errors import DatabaseAway
from cloud.schema import open_current

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 16
"""Open at once, however many browsers there are: a request waits for its turn, a stream of events needs none."""

BUSY_SECONDS = 7.0
"""How long a write waits for others': longer than PostgreSQL lets one that does nothing hold them up, and no longer,
since a person waits."""


class WebSecret(Table):
    """The single row with the secret that signs cookies: the same for all processes, and after a restart.

    It is worth little to a thief of the database: who is signed in is known by a token of which only a hash is kept.
    """

    id = AutoField()
    secret = CharField(max_length=64)


class Store:
    """Opens the database when it is first there, and a connection for each request."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._secret = ""
        self._lock = threading.Lock()

    def secret(self) -> str:
        """Return the secret that signs cookies.

        Raises:
            UnusableDatabase: the database can't be used.
            DatabaseAway: it can't be used now.
        """
        with self._lock:
            if not self._secret:
                database = open_current(self._url, busy_seconds=BUSY_SECONDS, most_connections=MOST_CONNECTIONS)
                try:
                    self._secret = _kept_secret()
                except peewee.PeeweeException as fault:
                    raise DatabaseAway(f"The database fails: {one_line(fault)}") from None
                finally:
                    database.close()
        return self._secret

    def connect(self) -> None:
        """Open this thread's connection.

        Raises:
            UnusableDatabase: see `secret`.
            PeeweeException: the database does not answer.
        """
        self.secret()
        database_proxy.connect(reuse_if_open=True)

    def disconnect(self) -> None:
        """Close this thread's connection."""
        if self._secret and not database_proxy.is_closed():
            database_proxy.close()

    def start_over(self) -> None:
        """Drop the connections that are kept: the database failed, and they are as good as gone."""
        if self._secret:
            drop_connections()

    def serve(self, app: Flask) -> None:
        """Give each of an application's requests a connection, but for those that only ask for a file."""
        app.before_request(lambda: None if request.endpoint == "static" else self.connect())
        app.teardown_request(lambda _fault: self.disconnect())


def _kept_secret() -> str:
    with write_transaction():
        kept: WebSecret = WebSecret.get_or_none() or WebSecret.create(secret=secrets.token_hex(32))
    return str(kept.secret)
