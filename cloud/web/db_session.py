"""Database access of the web page: a connection for each request, and the cookie secret."""

import logging
import threading
import time

import peewee
from flask import Flask, request

from cloud.db.database import database_proxy, drop_connections, one_line
from cloud.db.postgres import FAILS_FOR_SECONDS
from cloud.db.schema import open_current
from cloud.errors import DatabaseAway
from cloud.store import open_sign_up, web_secret

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 16
"""Limit on open connections. Requests wait for a free one; event streams need none."""

BUSY_SECONDS = 7.0
"""How long a write waits for a lock: just longer than PostgreSQL's timeout for idle transactions, since a user is
waiting."""


class Store:
    """Opens the database on first use, and a connection for each request."""

    def __init__(self, url: str, *, sign_up_open: bool) -> None:
        self._url = url
        self._sign_up_open = sign_up_open
        self._secret = ""
        self._lock = threading.Lock()
        self._fault = ""
        self._failed_at = 0.0

    def secret(self) -> str:
        """Return the cookie secret. The first call opens the database; if it fails, waiting calls fail with it.

        Raises:
            UnusableDatabase: the database can't be used.
            DatabaseAway: the database is unavailable for now.
        """
        with self._lock:
            if self._secret:
                return self._secret
            if self._fault and time.monotonic() < self._failed_at + FAILS_FOR_SECONDS:
                raise DatabaseAway(self._fault)
            try:
                self._secret = self._open()
            except DatabaseAway as fault:
                self._fault, self._failed_at = str(fault), time.monotonic()
                raise
        return self._secret

    def _open(self) -> str:
        """Open the database and return the cookie secret.

        First announces whether sign-up is open, before anyone can sign up.
        """
        database = open_current(self._url, busy_seconds=BUSY_SECONDS, most_connections=MOST_CONNECTIONS)
        try:
            open_sign_up.announce(self._sign_up_open)
            return web_secret.kept()
        except peewee.PeeweeException as fault:
            raise DatabaseAway(f"Database error: {one_line(fault)}") from None
        finally:
            database.close()

    def connect(self) -> None:
        """Open this thread's connection.

        Raises:
            UnusableDatabase: see `secret`.
            PeeweeException: the database does not respond.
        """
        self.secret()
        database_proxy.connect(reuse_if_open=True)

    def disconnect(self) -> None:
        if self._secret and not database_proxy.is_closed():
            database_proxy.close()

    def start_over(self) -> None:
        """Drop all pooled connections after a database error."""
        if self._secret:
            drop_connections()

    def serve(self, app: Flask) -> None:
        """Open a connection for each request of an application, except for static files."""
        app.before_request(lambda: None if request.endpoint == "static" else self.connect())
        app.teardown_request(lambda _fault: self.disconnect())
