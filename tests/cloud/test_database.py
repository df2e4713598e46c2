"""Opening the database, and the write lock."""

import sqlite3
from pathlib import Path

import peewee
import pytest

from cloud.association import add_user
from cloud.database import open_database, parse_database_url, shown_url, write_transaction
from cloud.errors import DatabaseAway, UnusableDatabase
from cloud.models import User
from tests.support.broker import free_port


@pytest.mark.parametrize(
    "url", ["sqlite:///lampi.db", "sqlite:////var/lib/lampi.db", "postgresql://me:secret@db.example:5432/lampi"]
)
def test_urls_that_can_be_used(url: str) -> None:
    assert parse_database_url(f" {url} ") == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must start with"),
        ("mysql://localhost/lampi", "must start with"),
        ("sqlite://lampi.db", "names no database"),
        ("sqlite://folder/lampi.db", "three slashes"),
        ("sqlite:///", "names no database"),
        ("postgresql://me:secret@localhost", "names no database"),
        ("postgresql://[::1", "not a URL"),
    ],
)
def test_urls_that_can_not(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse_database_url(url)
    assert "secret" not in str(refused.value)


def test_a_shown_url_has_no_password() -> None:
    assert shown_url("postgresql://me:se%40cret@db:5432/lampi") == "postgresql://me:***@db:5432/lampi"
    assert shown_url("sqlite:///lampi.db") == "sqlite:///lampi.db"


def test_a_missing_file_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabase, match="'lampi-cloud migrate' makes it"):
        open_database(f"sqlite:///{tmp_path}/typo.db")
    assert not (tmp_path / "typo.db").exists()


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lampi.db").write_text("not a database, but long enough to look like something " * 20)
    with pytest.raises(UnusableDatabase, match="can't be opened: file is not a database"):
        open_database(f"sqlite:///{tmp_path}/lampi.db")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabase, match="can't be opened: unable to open database file"):
        open_database(f"sqlite:///{tmp_path}")


def test_a_server_that_does_not_answer_is_away_and_its_password_stays_hidden() -> None:
    with pytest.raises(DatabaseAway, match="can't be opened") as refused:
        open_database(f"postgresql://me:secret@127.0.0.1:{free_port()}/lampi")
    assert "secret" not in str(refused.value)


def test_a_write_transaction_holds_the_write_lock_before_its_first_write(
    database: peewee.Database, tmp_path: Path
) -> None:
    rival = sqlite3.connect(tmp_path / "lampi.db", timeout=0, isolation_level=None)
    with write_transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
        rival.execute("BEGIN IMMEDIATE")
    rival.execute("BEGIN IMMEDIATE")
    rival.execute("ROLLBACK")
    rival.close()


def test_reading_first_and_writing_then_survives_another_writer(database: peewee.Database, tmp_path: Path) -> None:
    rival = sqlite3.connect(tmp_path / "lampi.db", isolation_level=None)
    with write_transaction():
        assert User.select().count() == 0
        add_user("ada")
    rival.execute("INSERT INTO lampi_user (name) VALUES ('bob')")
    with write_transaction():
        assert User.select().count() == 2
        add_user("eve")
    rival.close()


def test_a_failed_transaction_leaves_nothing(database: peewee.Database) -> None:
    def fail() -> None:
        with write_transaction():
            add_user("ada")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert User.select().count() == 0


def test_commits_survive_a_power_cut_and_readers_do_not_wait(database: peewee.Database) -> None:
    pragmas = {name: database.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert database.execute_sql("PRAGMA foreign_keys").fetchone()[0] == 1
