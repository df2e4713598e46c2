"""Change notification for the outbox: none without a change, soon after one, and in time if the notifier fails."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from cloud.daemon import change_notifier
from cloud.daemon.change_notifier import ChangeNotifier, PgListener, WalPoller, change_notifier_for
from cloud.db.database import connect_database, write_transaction
from cloud.store import outbox
from cloud.store.outbox import Pending
from tests.support.waiting import wait_until


@contextlib.contextmanager
def running(word: ChangeNotifier) -> Iterator[ChangeNotifier]:
    """Have it listen, if that is what it does, until there is nothing new."""
    word.start()
    try:
        if isinstance(word, PgListener):
            wait_until(lambda: word.pushes, "the server's word to come through")
        else:
            wait_until(lambda: not word.may_have_changed(), "silence")
        yield word
    finally:
        word.stop()


def enqueue(topic: str) -> None:
    with write_transaction():
        outbox.put([Pending(outbox.reserve(1), topic, b"1")])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("database")
def test_a_message_is_reported_until_it_was_polled(database_url: str) -> None:
    with running(change_notifier_for(database_url, lambda: None)) as word:
        for topic in ("a", "b"):
            enqueue(topic)
            assert word.may_have_changed()
            wait_until(lambda: not word.may_have_changed(), "silence")


def test_what_was_just_written_may_not_be_committed_yet(sqlite_database: peewee.SqliteDatabase) -> None:
    """The disk is forced in between, and says nothing once it is done."""
    log = f"{sqlite_database.database}-wal"
    with running(WalPoller(Path(sqlite_database.database))) as word:
        enqueue("a")
        os.utime(log)
        assert word.may_have_changed()
        assert word.may_have_changed()
        long_ago = time.time() - 2 * change_notifier.JUST_WRITTEN_SECONDS
        os.utime(log, (long_ago, long_ago))
        assert word.may_have_changed()
        assert not word.may_have_changed()


def test_the_log_is_beside_the_file_to_which_a_link_leads(
    sqlite_database: peewee.SqliteDatabase, tmp_path: Path
) -> None:
    link = tmp_path / "elsewhere" / "lampi.db"
    link.parent.mkdir()
    link.symlink_to(sqlite_database.database)
    Path(f"{link}-wal").touch()  # left from when the database was here
    with running(WalPoller(link)) as word:
        enqueue("a")
        assert word.may_have_changed()


def test_a_database_without_a_log_is_looked_at(tmp_path: Path) -> None:
    word = WalPoller(tmp_path / "lampi.db")
    assert word.may_have_changed()
    assert word.may_have_changed()


class TestServer:
    """PostgreSQL's notifications."""

    @pytest.fixture(params=["postgresql"])
    def database_url(self, database_url: str) -> str:
        return database_url

    def test_it_comes_with_the_commit(self, database: peewee.Database, database_url: str) -> None:
        notified = threading.Event()
        with running(PgListener(database_url, notified.set)):
            assert notified.wait(5)  # its own
            notified.clear()
            with database.atomic():
                enqueue("a")
                assert not notified.wait(0.2)
            assert notified.wait(1)

    def test_a_connection_that_dies_is_made_again(self, database: peewee.Database, database_url: str) -> None:
        with running(PgListener(database_url, lambda: None)) as word:
            database.execute_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            wait_until(lambda: not word.pushes, "the loss to be noticed")
            assert word.may_have_changed()
            wait_until(lambda: word.pushes, "the server's word to come through again")

    def test_notifications_that_a_pooler_drops_do_not_count(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        monkeypatch.setattr(change_notifier, "SILENCE_SECONDS", 0.1)
        said, notified = threading.Event(), threading.Event()

        def connect_without_listening(url: str) -> peewee.Database:
            found = connect_database(url)
            really = found.execute_sql
            monkeypatch.setattr(found, "execute_sql", lambda sql: said.set() if "LISTEN" in sql else really(sql))
            return found

        monkeypatch.setattr(change_notifier, "connect_database", connect_without_listening)
        word = PgListener(database_url, notified.set)
        word.start()
        assert said.wait(5)
        assert not notified.wait(0.3)
        assert not word.pushes
        assert word.may_have_changed()
        wait_until(lambda: "No database notifications" in caplog.text, "the log to say so")
        word.stop()
