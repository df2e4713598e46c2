"""The daemon's database connection, across outages and replacements."""

from cloud.db.database import database_proxy
from cloud.db.schema import open_current
from cloud.db.sqlite import SqliteFile, tune_for_bursts
from cloud.db.timestamps import utc_now
from cloud.db.url import sqlite_file
from cloud.errors import DatabaseAway
from cloud.store import outbox

BUSY_SECONDS = 1.0
"""How long a write waits for other processes' locks: short, since events are kept meanwhile and the write is
retried."""


class DaemonDatabase:
    """Opens the database when it becomes available. Only the first `open` may create or migrate it."""

    def __init__(self, url: str, *, migrate: bool) -> None:
        self._url = url
        self._migrate = migrate
        self._was_open = False
        self.is_open = False

    def open(self) -> None:
        """Open the database, unless it is open.

        Raises:
            UnusableDatabase: needs an operator.
            DatabaseAway: temporarily unavailable, or the file that was open before is gone.
        """
        if self.is_open:
            return
        file = sqlite_file(self._url)
        if self._was_open and file is not None and not file.exists():
            raise DatabaseAway(f"The database file {file} is gone; waiting for it.")
        database = open_current(self._url, migrate=self._migrate and not self._was_open, busy_seconds=BUSY_SECONDS)
        if isinstance(database, SqliteFile):
            tune_for_bursts(database)
        outbox.correct_future(utc_now())
        self.is_open = self._was_open = True

    def hang_up(self) -> None:
        """Close the connection; the next query connects again."""
        if self.is_open:
            database_proxy.close()

    def leave(self) -> None:
        """Close the connection to a file that was replaced; `open` checks the new one."""
        self.hang_up()
        self.is_open = False
