"""SQLite's write-ahead log: checkpoints between bursts, and a warning about readers that block them."""

import logging
import os
from pathlib import Path

from cloud.db.database import run_sql
from cloud.db.sqlite import LOG_BYTES
from cloud.db.url import sqlite_file

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0

PATIENCE_SECONDS = 180.0
"""How long a reader may block the checkpoint before the daemon warns; a backup of millions of lamps takes less."""


class WalCheckpoints:
    """Runs checkpoints before the log grows long; does nothing for PostgreSQL.

    After a complete checkpoint the next write restarts the log and truncates it to `LOG_BYTES`. A reader with an open
    transaction on an older state prevents that, and the log grows with each write.
    """

    def __init__(self, database_url: str) -> None:
        file = sqlite_file(database_url)
        self._log = None if file is None else Path(f"{file.resolve()}-wal")
        self._check_at = 0.0
        self._kept_since: float | None = None
        self._warned = False

    def step(self, monotonic: float, *, crowded: bool) -> None:
        """Run a checkpoint if the log is long; not during bursts, which SQLite checkpoints automatically.

        Raises:
            peewee.PeeweeException: database error.
        """
        if self._log is None or monotonic < self._check_at or crowded:
            return
        self._check_at = monotonic + CHECK_SECONDS
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
                "A reader has blocked the checkpoint of SQLite's log %s for %d s; the log has grown to %.0f MB. "
                "End the program that keeps a transaction open on this database (fuser -v %s)",
                self._log,
                monotonic - self._kept_since,
                size / 1e6,
                self._log,
            )

    def _note_empty(self) -> None:
        if self._warned:
            log.info("SQLite's log can be checkpointed again")
        self._kept_since, self._warned = None, False


def _size(file: Path) -> int:
    try:
        return os.stat(file).st_size
    except FileNotFoundError:
        return 0
