"""Opening the database, and the write lock."""

import os
from pathlib import Path

import peewee
import pytest

from cloud.db.database import open_database, write_transaction
from cloud.errors import DatabaseAway, UnusableDatabase
from cloud.services.claiming import add_user
from cloud.store.lamps import User
from tests.support.ports import free_port


def test_a_missing_file_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabase, match="create it with 'lampi-cloud migrate'"):
        open_database(f"sqlite:///{tmp_path}/typo.db")
    assert not (tmp_path / "typo.db").exists()


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lampi.db").write_text("not a database, but long enough to look like something " * 20)
    with pytest.raises(UnusableDatabase, match=r"Can't open the database .*: file is not a database"):
        open_database(f"sqlite:///{tmp_path}/lampi.db")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabase, match="not a regular file"):
        open_database(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("create", [False, True])
def test_a_named_pipe_is_no_database(tmp_path: Path, create: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnusableDatabase, match="not a regular file"):
        open_database(f"sqlite:///{tmp_path}/pipe", create=create)


def test_a_server_that_does_not_answer_is_away_and_its_password_stays_hidden() -> None:
    with pytest.raises(DatabaseAway, match="Can't open the database") as refused:
        open_database(f"postgresql://me:secret@127.0.0.1:{free_port()}/lampi")
    assert "secret" not in str(refused.value)


def test_a_failed_transaction_leaves_nothing(database: peewee.Database) -> None:
    def fail() -> None:
        with write_transaction():
            add_user("ada")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert User.select().count() == 0
