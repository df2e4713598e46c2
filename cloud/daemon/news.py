"""Word that the outbox may hold something new: for less than a look at it costs, and from PostgreSQL unasked.

It only saves looks and makes them sooner: the daemon looks once a round whatever it hears.
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

from cloud.database import connect_database, one_line
from cloud.database_url import sqlite_file
from cloud.errors import DatabaseAway, UnusableDatabase
from cloud.outbox import CHANNEL

log = logging.getLogger(__name__)

JUST_WRITTEN_SECONDS = 0.5
"""What was written so shortly ago may not be committed yet: the disk is forced in between. And a file's clock ticks
slowly, so that it may be written again under the same time."""

SILENCE_SECONDS = 2.0
"""After how long a server whose word did not come through is said to be silent."""

LISTEN_AGAIN_SECONDS = 1.0
STOP_SECONDS = 0.5


class News:
    """Whether the outbox may hold what it did not when this was last asked."""

    @property
    def comes_unasked(self) -> bool:
        """True where a change is told as soon as it is committed, so that nobody needs to ask often."""
        return False

    def start(self) -> None:
        """Begin to listen, where there is something to be heard."""

    def stop(self) -> None:
        """Listen no more."""

    def may_be(self) -> bool:
        """Tell whether it is worth a look; asks no database."""
        return True


class NewsOfFile(News):
    """SQLite's: whoever commits writes to its log, and the file's time and size say so."""

    def __init__(self, database: Path) -> None:
        self._wal = f"{database.resolve()}-wal"  # SQLite has it beside the file itself, not beside a link to it
        self._seen: tuple[int, int, int] | None = None

    def may_be(self) -> bool:
        """Tell whether the log was written since this was last asked, or may have been."""
        try:
            found = os.stat(self._wal)
        except OSError:
            return True
        before, self._seen = self._seen, (found.st_ino, found.st_size, found.st_mtime_ns)
        return self._seen != before or time.time() - found.st_mtime < JUST_WRITTEN_SECONDS


class NewsOfServer(News):
    """PostgreSQL's: it tells of each commit that numbered messages, on a connection and a thread that only listen.

    It counts as told only once a word from another connection has come through: a pooler in between may keep them.
    """

    def __init__(self, database_url: str, on_news: Callable[[], None]) -> None:
        self._url = database_url
        self._on_news = on_news
        self._stopping = threading.Event()
        self._hears = False
        self._said: bool | None = None

    @property
    def comes_unasked(self) -> bool:
        """True while the server's word comes through."""
        return self._hears

    def start(self) -> None:
        """Begin to listen, now or as soon as the server can be reached; returns at once."""
        # A new event for each thread: the last one may not have ended yet, and must still find its own set.
        self._stopping = threading.Event()
        threading.Thread(target=self._work, args=(self._stopping,), name="news", daemon=True).start()

    def stop(self) -> None:
        """Listen no more; returns at once, and the connection ends within `STOP_SECONDS`."""
        self._stopping.set()
        self._hears = False

    def _work(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                with contextlib.closing(connect_database(self._url)) as database:
                    database.execute_sql(f"LISTEN {CHANNEL}")
                    with contextlib.closing(connect_database(self._url)) as another:
                        another.execute_sql(f"NOTIFY {CHANNEL}")
                    self._listen(database.connection(), stopping)
            except (peewee.PeeweeException, psycopg.Error, DatabaseAway, UnusableDatabase) as fault:
                log.debug("The database can't be listened to (%s)", one_line(fault))
            finally:
                self._note(False, stopping)
            stopping.wait(LISTEN_AGAIN_SECONDS)

    def _listen(self, connection: psycopg.Connection, stopping: threading.Event) -> None:
        silent_at = time.monotonic() + SILENCE_SECONDS
        while not stopping.is_set():
            for _ in connection.notifies(timeout=STOP_SECONDS):
                self._note(True, stopping)
                self._on_news()
            if not self._hears and time.monotonic() > silent_at:
                self._note(False, stopping)

    def _note(self, hears: bool, stopping: threading.Event) -> None:
        """Take in whether the server is heard; a thread that is to end has no say any more."""
        if stopping.is_set():
            return
        self._hears = hears
        if hears is not self._said:
            self._said = hears
            log.info("The database tells what is new" if hears else "The database does not tell what is new: asking it")


def news_from(database_url: str, on_news: Callable[[], None]) -> News:
    """Return what tells of news in this database; ``on_news`` is called, on another thread, where it comes unasked."""
    file = sqlite_file(database_url)
    return NewsOfServer(database_url, on_news) if file is None else NewsOfFile(file)
