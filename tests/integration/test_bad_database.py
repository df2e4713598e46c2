"""Database failures: locked, missing, a folder, unmigrated, newer, read-only."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import ASSOCIATED, USER, Loop, device_ids, made_cloud, presence
from tests.support.ports import free_port
from tests.support.postgres import running_server
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
LOCKED_SECONDS = 3
COMMANDS = [("lamps",), ("associate", "abcdef", "--user", USER), ("forget", LAMP)]


@contextmanager
def _locked(cloud: Cloud) -> Iterator[None]:
    """Hold the write lock, as another process in a long transaction does."""
    with closing(sqlite3.connect(cloud.folder / "lampi.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _one_line(cloud: Cloud, *words: str) -> str:
    """Return the one line with which a command refuses."""
    said = cloud.command(*words, status=1)
    assert len(said.splitlines()) == 1, said
    return said


def test_lamps_that_arrive_while_the_database_is_locked_are_not_lost(loop: Loop, daemon: DaemonProcess) -> None:
    code = loop.new_lamp(LAMP)
    ids = list(device_ids(20))
    with _locked(loop.cloud):
        locked_at = time.monotonic()
        for device_id in ids:
            loop.up(device_id)
        daemon.wait_to_say("Database error")
        wait_until(lambda: time.monotonic() - locked_at > LOCKED_SECONDS, "the lock to have lasted")
    published = {loop.next().topic for _ in ids}
    assert published == {f"devices/{device_id}/lamp/associated" for device_id in ids}
    loop.cloud.command("associate", code, "--user", USER)
    assert loop.next().payload == ASSOCIATED
    assert loop.settled() == []
    daemon.wait_to_say("Database available again")
    assert daemon.log().count("Database error") == 1
    assert "Traceback" not in daemon.log()


def test_removals_from_the_outbox_that_a_crashed_postgresql_lost(tmp_path: Path, broker: Mosquitto) -> None:
    """Removals don't wait for the disk; here the server doesn't write them by itself within 10 s."""
    with running_server() as server:
        url = server.make_database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
            connection.execute("SELECT pg_reload_conf()")
        cloud = made_cloud(tmp_path / "cloud", broker.port, url)
        with cloud.daemon() as daemon, closing(Loop(broker, cloud)) as loop:
            for device_id in device_ids(20):
                loop.new_lamp(device_id)
            wait_until(lambda: _pending(url) == 0, "the outbox to be empty")
            server.kill()
            server.start()
            daemon.wait_to_say("Database available again")
            wait_until(lambda: _pending(url) == 0, "the outbox to be empty again")


def _pending(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT COUNT(*) FROM outbox_message").fetchone()
        assert row is not None
        return int(row[0])


def test_a_database_that_is_locked_at_the_start_is_waited_for(broker: Mosquitto, cloud: Cloud) -> None:
    broker.publish(presence(LAMP), b"1", retain=True)
    with _locked(cloud):
        daemon = cloud.daemon().start(until="Database error")
    with closing(Loop(broker, cloud)) as loop:
        loop.new_code(LAMP)
    assert daemon.stop() == 0


def test_a_stop_is_handled_while_the_database_is_locked(loop: Loop, daemon: DaemonProcess) -> None:
    with _locked(loop.cloud):
        loop.up(LAMP)
        daemon.wait_to_say("Database error")
        asked_at = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - asked_at < 5


def test_a_command_waits_out_a_short_lock(loop: Loop) -> None:
    code = loop.new_lamp(LAMP)
    with _locked(loop.cloud):
        waiting = loop.cloud.start("associate", code, "--user", USER)
        began_at = time.monotonic()
        wait_until(lambda: time.monotonic() - began_at > 1, "the command to have met the lock")
        assert waiting.poll() is None
    said, _ = waiting.communicate(timeout=10)
    assert waiting.returncode == 0, said
    assert loop.next().payload == ASSOCIATED


@pytest.fixture
def no_database(tmp_path: Path) -> Cloud:
    """Give a cloud without a database."""
    return Cloud(tmp_path / "none", free_port())


@pytest.mark.parametrize("words", [*COMMANDS, ("daemon",)], ids=lambda words: words[0])
def test_a_missing_database_is_one_clear_line_and_not_made(no_database: Cloud, words: tuple[str, ...]) -> None:
    said = no_database.command(*words, status=1)
    file = no_database.folder / "lampi.db"
    assert said.splitlines()[-1] == f"Error: There is no database {file}; create it with 'lampi-cloud migrate'."
    assert "Traceback" not in said
    assert list(no_database.folder.iterdir()) == []


@pytest.mark.parametrize("words", [("lamps",), ("migrate",), ("daemon",), ("daemon", "--migrate")], ids=" ".join)
def test_a_folder_in_place_of_the_database_is_one_clear_line(no_database: Cloud, words: tuple[str, ...]) -> None:
    (no_database.folder / "lampi.db").mkdir()
    said = no_database.command(*words, status=1)
    assert said.splitlines()[-1].startswith("Error: Can't open the database sqlite:///")
    assert "Can't open the database" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [("lamps",), ("migrate",), ("daemon", "--migrate")], ids=" ".join)
def test_a_file_that_is_no_database_is_one_clear_line(no_database: Cloud, words: tuple[str, ...]) -> None:
    (no_database.folder / "lampi.db").write_bytes(b"this is a letter to a friend, and not a database at all" * 100)
    said = no_database.command(*words, status=1)
    assert said.splitlines()[-1].startswith("Error: ")
    assert "not a database" in said
    assert "Traceback" not in said


def test_an_unmigrated_database_is_one_clear_line(no_database: Cloud) -> None:
    (no_database.folder / "lampi.db").touch()
    for words in COMMANDS:
        assert "run 'lampi-cloud migrate'" in _one_line(no_database, *words)
    assert "run 'lampi-cloud migrate'" in no_database.command("daemon", status=1).splitlines()[-1]


@pytest.fixture
def newer(cloud: Cloud) -> Cloud:
    """Give a cloud whose database a newer release has upgraded."""
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as connection, connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('0099_future', '2030-01-01 00:00:00')")
    return cloud


def test_a_newer_database_is_one_clear_line_and_left_alone(newer: Cloud, broker: Mosquitto) -> None:
    for words in (*COMMANDS, ("migrate",)):
        said = _one_line(newer, *words)
        assert "The database is from a newer release (it has 0099_future)" in said
    broker.publish(presence(LAMP), b"1", retain=True)
    said = newer.command("daemon", "--migrate", status=1)
    assert "from a newer release" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert broker.retained("devices/#") == {}
