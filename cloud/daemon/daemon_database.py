"""The daemon's database connection, across outages and replacements."""

from collections.abc import Callable

from cloud.db.database import database_proxy
from cloud.db.schema import open_current
from cloud.db.sqlite import SqliteFile, tune_for_bursts
from cloud.db.timestamps import utc_now
from cloud.db.url import sqlite_file
from cloud.errors import DatabaseAway, DatabaseReplaced
from cloud.store import outbox

BUSY_SECONDS = 1.0
"""How long a write waits for other processes' locks: short, since events are kept meanwhile and the write is
retried."""


class DaemonDatabase:
    """Opens the database when it becomes available. Only the first `open` may create or migrate it.

    A missing file is not created if ``had_another``: the broker has the mark of a database, which must be this one.
    """

    def __init__(self, url: str, *, migrate: bool, had_another: Callable[[], bool] = lambda: False) -> None:
        self._url = url
        self._migrate = migrate
        self._had_another = had_another
        self._awaits_file = False
        self._was_open = False
        self._is_checked = False
        self._origin = ""
        self._version = 0
        self.is_open = False

    def open(self, published_up_to: int = 0) -> None:
        """Open the database, or after `hang_up` check that it was not replaced.

        Raises:
            UnusableDatabase: needs an operator.
            DatabaseAway: temporarily unavailable, or the file that was open before is gone, also before a restart.
            DatabaseReplaced: another database, or an older copy, has taken its place.
        """
        if not self.is_open:
            self._open()
        elif not self._is_checked:
            self._check(published_up_to)

    def _open(self) -> None:
        file = sqlite_file(self._url)
        if file is not None and not file.exists():
            if self._was_open:
                raise DatabaseAway(f"The database file {file} is gone; waiting for it.")
            self._awaits_file = self._awaits_file or (self._migrate and self._had_another())
            if self._awaits_file and not file.exists():
                raise DatabaseAway(
                    f"There is no database {file}, but the broker has the mark of one: waiting for the file. Mount its "
                    "disk or restore it; only to begin with a new database, run 'lampi-cloud migrate', then 'adopt'"
                )
        database = open_current(self._url, migrate=self._migrate and not self._was_open, busy_seconds=BUSY_SECONDS)
        if isinstance(database, SqliteFile):
            tune_for_bursts(database)
        outbox.correct_future(utc_now())
        self._origin, self._version = outbox.origin(), outbox.last_version()
        self.is_open = self._was_open = self._is_checked = True

    def _check(self, published_up_to: int) -> None:
        version = outbox.last_version()
        if outbox.origin() != self._origin or version < max(self._version, published_up_to):
            raise DatabaseReplaced("The database was replaced; opening it again.")
        self._version, self._is_checked = version, True

    def hang_up(self) -> None:
        """Close the connection; the next query connects again."""
        self._is_checked = False
        if self.is_open:
            database_proxy.close()

    def leave(self) -> None:
        """Close the connection to a database that was replaced; `open` checks the new one."""
        self.hang_up()
        self.is_open = False
