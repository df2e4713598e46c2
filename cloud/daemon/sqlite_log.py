"""SQLite's log (its WAL file): kept short between crowds, and watched for readers that keep it from being emptied."""

import logging
import os
from pathlib import Path

from cloud.database import LOG_BYTES, run_sql
from cloud.database_url import sqlite_file

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0

PATIENCE_SECONDS = 180.0
"""How long a reader may keep the log from being emptied before the daemon says so: a backup of millions takes less."""


class SqliteLog:
    """Moves the log into the database before it is long; does nothing for PostgreSQL.

    A log that is in the database to its end is begun again by the next change, and cut to `LOG_BYTES`. Whoever reads an
    older state, in a transaction that does not end, keeps it from that, and it grows with each change.
    """

    def __init__(self, database_url: str) -> None:
        file = sqlite_file(database_url)
        self._log = None if file is None else Path(f"{file.resolve()}-wal")
        self._look_at = 0.0
        self._kept_since: float | None = None
        self._warned = False

    def step(self, monotonic: float, *, crowded: bool) -> None:
        """Look whether the log is long, and move it; a crowd is not held up by that, since SQLite moves it by itself.

        Raises:
            peewee.PeeweeException: the database fails.
        """
        if self._log is None or monotonic < self._look_at or crowded:
            return
        self._look_at = monotonic + LOOK_SECONDS
        size = _size(self._log)
        if size <= LOG_BYTES:
            self._note_empty()
            return
        ((_busy, pages, moved),) = run_sql("PRAGMA wal_checkpoint(PASSIVE)")
        if moved == pages:
            self._note_empty()
            return
        if self._kept_since is None:
            self._kept_since = monotonic
        if not self._warned and monotonic >= self._kept_since + PATIENCE_SECONDS:
            self._warned = True
            log.warning(
                "A reader has kept SQLite's log %s from being emptied for %d s, and it has grown to %.0f MB; "
                "end the program that holds a transaction open on this database (fuser -v %s)",
                self._log,
                monotonic - self._kept_since,
                size / 1e6,
                self._log,
            )

    def _note_empty(self) -> None:
        if self._warned:
            log.info("SQLite's log can be emptied again")
        self._kept_since, self._warned = None, False


def _size(file: Path) -> int:
    try:
        return os.stat(file).st_size
    except FileNotFoundError:
        return 0
