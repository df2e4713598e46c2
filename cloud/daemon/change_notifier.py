"""Change notification for the outbox: cheap polling on SQLite, LISTEN/NOTIFY on PostgreSQL.

It only saves polls and shortens delays: the daemon polls once per round in any case.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import peewee
import psycopg

from cloud.db.database import connect_database, one_line
from cloud.db.url import sqlite_file
from cloud.errors import DatabaseAway, UnusableDatabase
from cloud.store.outbox import CHANNEL

log = logging.getLogger(__name__)

JUST_WRITTEN_SECONDS = 0.5
"""A recent write may not be committed yet, since the disk sync comes in between, and the file may be written again
within the same tick of its clock."""

SILENCE_SECONDS = 2.0
"""How long to wait for the first notification before reporting that they don't arrive."""

LISTEN_AGAIN_SECONDS = 1.0
STOP_SECONDS = 0.5


class ChangeNotifier:
    """Reports whether the outbox may have changed since the last poll."""

    @property
    def pushes(self) -> bool:
        """True if commits are notified, so that frequent polling is unnecessary."""
        return False

    def start(self) -> None:
        """Start listening, if there is anything to listen to."""

    def stop(self) -> None:
        """Stop listening."""

    def may_have_changed(self) -> bool:
        """Return whether a poll is worthwhile, without querying the database."""
        return True


class WalPoller(ChangeNotifier):
    """SQLite: each commit changes the size or time of the write-ahead log."""

    def __init__(self, database: Path) -> None:
        self._wal = f"{database.resolve()}-wal"  # SQLite puts it beside the file itself, not beside a symbolic link
        self._seen: tuple[int, int, int] | None = None

    def may_have_changed(self) -> bool:
        """Return whether the log may have been written since the last call."""
        try:
            found = os.stat(self._wal)
        except OSError:
            return True
        before, self._seen = self._seen, (found.st_ino, found.st_size, found.st_mtime_ns)
        return self._seen != before or time.time() - found.st_mtime < JUST_WRITTEN_SECONDS


class PgListener(ChangeNotifier):
    """PostgreSQL: receives a notification for each commit that reserved versions, on its own connection and thread.

    Notifications count as working only after one from another connection has arrived: a pooler may swallow them.
    """

    def __init__(self, database_url: str, on_change: Callable[[], None]) -> None:
        self._url = database_url
        self._on_change = on_change
        self._stopping = threading.Event()
        self._receives = False
        self._logged: bool | None = None

    @property
    def pushes(self) -> bool:
        """True while notifications arrive."""
        return self._receives

    def start(self) -> None:
        """Start listening in the background, retrying until the server is reachable."""
        # A new event for each thread: the previous thread may still be running and must find its own event set.
        self._stopping = threading.Event()
        threading.Thread(target=self._work, args=(self._stopping,), name="notifications", daemon=True).start()

    def stop(self) -> None:
        """Stop listening; the connection closes in the background within `STOP_SECONDS`."""
        self._stopping.set()
        self._receives = False

    def _work(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                with contextlib.closing(connect_database(self._url)) as database:
                    database.execute_sql(f"LISTEN {CHANNEL}")
                    with contextlib.closing(connect_database(self._url)) as another:
                        another.execute_sql(f"NOTIFY {CHANNEL}")
                    self._listen(database.connection(), stopping)
            except (peewee.PeeweeException, psycopg.Error, DatabaseAway, UnusableDatabase) as fault:
                log.debug("Can't listen for database notifications: %s", one_line(fault))
            finally:
                self._note(False, stopping)
            stopping.wait(LISTEN_AGAIN_SECONDS)

    def _listen(self, connection: psycopg.Connection, stopping: threading.Event) -> None:
        silent_at = time.monotonic() + SILENCE_SECONDS
        while not stopping.is_set():
            for _ in connection.notifies(timeout=STOP_SECONDS):
                self._note(True, stopping)
                self._on_change()
            if not self._receives and time.monotonic() > silent_at:
                self._note(False, stopping)

    def _note(self, receives: bool, stopping: threading.Event) -> None:
        """Record whether notifications arrive; ignored from a thread that is stopping."""
        if stopping.is_set():
            return
        self._receives = receives
        if receives is not self._logged:
            self._logged = receives
            log.info("Database notifications are working" if receives else "No database notifications, polling")


def change_notifier_for(database_url: str, on_change: Callable[[], None]) -> ChangeNotifier:
    """Return the change notifier for this database; ``on_change`` is called on another thread."""
    file = sqlite_file(database_url)
    return PgListener(database_url, on_change) if file is None else WalPoller(file)
