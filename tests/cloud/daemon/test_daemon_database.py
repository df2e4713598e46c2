"""The daemon's database connection: what it may create, and how it detects a replaced database."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.daemon.daemon_database import DaemonDatabase
from cloud.db.database import connect_database, database_proxy, write_transaction
from cloud.db.schema import upgrade
from cloud.db.url import sqlite_url
from cloud.errors import DatabaseAway, DatabaseReplaced, UnusableDatabase
from cloud.store import outbox


@pytest.fixture
def file(tmp_path: Path, migrated: Path) -> Path:
    return Path(shutil.copy(migrated, tmp_path / "lampi.db"))


@pytest.fixture
def database(file: Path) -> Iterator[DaemonDatabase]:
    made = DaemonDatabase(sqlite_url(file), migrate=True)
    made.open()
    yield made
    made.leave()


def another(folder: Path) -> Path:
    """Return a new database, with an origin of its own."""
    made = connect_database(sqlite_url(folder / "another.db"), create=True)
    upgrade(made)
    made.execute_sql("UPDATE outbox_sequence SET origin = 'f0'")
    made.close()
    return folder / "another.db"


def replace(file: Path, by: Path) -> None:
    for beside in ("-wal", "-shm"):
        Path(f"{file}{beside}").unlink(missing_ok=True)
    by.replace(file)


def test_a_missing_database_is_made_at_the_first_start_alone(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "new.db")
    with pytest.raises(UnusableDatabase, match="There is no database"):
        DaemonDatabase(url, migrate=False).open()
    made = DaemonDatabase(url, migrate=True)
    made.open()
    made.leave()
    (tmp_path / "new.db").unlink()
    with pytest.raises(DatabaseAway, match="is gone"):
        made.open()
    assert not (tmp_path / "new.db").exists()


def test_after_an_error_the_same_database_will_do(database: DaemonDatabase) -> None:
    database.hang_up()
    database.open()
    with write_transaction():
        outbox.reserve(3)
    database.hang_up()
    database.open(published_up_to=3)


def test_a_database_that_was_replaced_during_an_outage_is_noticed(
    database: DaemonDatabase, file: Path, tmp_path: Path
) -> None:
    """The connection is closed then, and the next one would be to the new file without a word."""
    database.hang_up()
    replace(file, another(tmp_path))
    with pytest.raises(DatabaseReplaced):
        database.open()
    database.leave()
    database.open()
    assert outbox.origin() == "f0"


def test_an_older_copy_in_the_same_file_is_noticed(database: DaemonDatabase, file: Path, tmp_path: Path) -> None:
    """Its rows have versions that were published already, so changes would stay unpublished."""
    older = shutil.copy(file, tmp_path / "older.db")
    with write_transaction():
        outbox.reserve(5)
    database_proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.hang_up()
    shutil.copyfile(older, file)
    with pytest.raises(DatabaseReplaced):
        database.open(published_up_to=5)


def test_a_file_that_is_waited_for_is_not_created_once_the_broker_is_away(tmp_path: Path) -> None:
    file, answers = tmp_path / "lampi.db", iter([True, False, False])
    database = DaemonDatabase(sqlite_url(file), migrate=True, had_another=lambda: next(answers))
    for _ in range(3):
        with pytest.raises(DatabaseAway, match="waiting for the file"):
            database.open()
    assert not file.exists()


def test_a_file_that_appears_while_the_broker_is_asked_is_opened(tmp_path: Path, migrated: Path) -> None:
    file = tmp_path / "lampi.db"

    def other_daemon_creates_it() -> bool:
        shutil.copy(migrated, file)
        return True

    database = DaemonDatabase(sqlite_url(file), migrate=True, had_another=other_daemon_creates_it)
    database.open()
    assert database.is_open
    database.leave()
