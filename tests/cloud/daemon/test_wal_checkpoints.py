"""SQLite's log: truncated after a burst, and a reader that blocks the checkpoint is reported."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import peewee
import pytest

from cloud.daemon.wal_checkpoints import CHECK_SECONDS, PATIENCE_SECONDS, WalCheckpoints
from cloud.db.sqlite import LOG_BYTES
from cloud.services.lamps import register_lamps
from cloud.store.lamps import Lampi
from tests.cloud.conftest import NOW


class Kept:
    """The open database's log, and the daemon's care for it."""

    def __init__(self, database: peewee.Database) -> None:
        self.file = Path(database.database)
        self.care = WalCheckpoints(f"sqlite:///{self.file}")
        self._lamps = self._changes = 0
        self._monotonic = 0.0

    def bytes(self) -> int:
        return Path(f"{self.file}-wal").stat().st_size

    def grow(self) -> None:
        """Have so many lamps come that the log is longer than it may stay."""
        before = self.bytes()
        while self.bytes() <= max(before, LOG_BYTES):
            register_lamps([f"{self._lamps + number:012x}" for number in range(500)], NOW)
            self._lamps += 500

    def step(self, seconds: float = CHECK_SECONDS, *, crowded: bool = False) -> None:
        self._monotonic += seconds
        self.care.step(self._monotonic, crowded=crowded)

    def change(self) -> None:
        self._changes += 1  # what is as it was is not written
        Lampi.update(name=f"name {self._changes}").where(Lampi.device_id == "000000000000").execute()


@pytest.fixture
def kept(sqlite_database: peewee.Database) -> Kept:
    return Kept(sqlite_database)


@pytest.fixture
def reader(kept: Kept) -> Iterator[sqlite3.Connection]:
    """Give another program's connection, in a transaction that has read."""
    with closing(sqlite3.connect(kept.file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT COUNT(*) FROM lampi").fetchall()
        yield other


def test_after_a_burst_it_is_short_again(kept: Kept) -> None:
    kept.grow()
    kept.step(crowded=True)
    kept.change()
    assert kept.bytes() > LOG_BYTES
    kept.step()
    kept.change()
    assert kept.bytes() <= LOG_BYTES


def test_a_reader_that_blocks_the_checkpoint_is_logged_once_and_its_end(
    kept: Kept, reader: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    kept.grow()
    kept.step()
    kept.step(PATIENCE_SECONDS - 1)
    assert caplog.messages == []
    kept.step()
    kept.step(PATIENCE_SECONDS)
    (said,) = caplog.messages
    assert "has blocked the checkpoint of SQLite's log" in said
    assert f"{kept.file}-wal" in said
    reader.execute("COMMIT")
    kept.step()
    assert caplog.messages[1:] == ["SQLite's log can be checkpointed again"]


def test_a_reader_that_is_slow_is_nothing_to_warn_of(
    kept: Kept, reader: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    kept.grow()
    kept.step()
    reader.execute("COMMIT")
    kept.step(PATIENCE_SECONDS)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM lampi").fetchall()
    kept.grow()
    kept.step()
    kept.step(PATIENCE_SECONDS - 1)
    assert caplog.messages == []


def test_a_database_without_a_log_is_left_alone(tmp_path: Path) -> None:
    WalCheckpoints("postgresql://nobody@localhost/none").step(1.0, crowded=False)
    WalCheckpoints(f"sqlite:///{tmp_path / 'none.db'}").step(1.0, crowded=False)
