"""SQLite only: locks, pragmas, query plans."""

import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import peewee
import pytest

from cloud.daemon.presence import PresenceBatch
from cloud.db.database import write_transaction
from cloud.db.sqlite import tune_for_bursts
from cloud.errors import UnknownCode
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import add_user, associate_by_code
from cloud.services.lamps import register_lamps
from cloud.services.ownership import recently_claimed
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW
from tests.support.plans import plans


def test_a_write_transaction_holds_the_write_lock_before_its_first_write(
    sqlite_database: peewee.Database, tmp_path: Path
) -> None:
    rival = sqlite3.connect(tmp_path / "lampi.db", timeout=0, isolation_level=None)
    with write_transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
        rival.execute("BEGIN IMMEDIATE")
    rival.execute("BEGIN IMMEDIATE")
    rival.execute("ROLLBACK")
    rival.close()


def test_reading_and_then_writing_survives_another_writer(sqlite_database: peewee.Database, tmp_path: Path) -> None:
    rival = sqlite3.connect(tmp_path / "lampi.db", isolation_level=None)
    with write_transaction():
        assert User.select().count() == 0
        add_user("ada")
    rival.execute("INSERT INTO lampi_user (name) VALUES ('bob')")
    with write_transaction():
        assert User.select().count() == 2
        add_user("eve")
    rival.close()


def test_commits_survive_a_power_cut_and_readers_do_not_wait(sqlite_database: peewee.Database) -> None:
    pragmas = {
        name: sqlite_database.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert sqlite_database.execute_sql("PRAGMA foreign_keys").fetchone()[0] == 1


def test_looking_for_what_is_new_searches_the_index_of_versions(sqlite_database: peewee.Database) -> None:
    assert plans(sqlite_database, "SELECT", outbox.newest_version) == [
        "SEARCH outbox_message USING COVERING INDEX outboxmessage_version"
    ]
    assert plans(sqlite_database, "SELECT", lambda: outbox.pending(after=5, limit=10)) == [
        "SEARCH outbox_message USING INDEX outboxmessage_version (version>?)"
    ]


def test_unchanged_presence_writes_nothing(sqlite_database: peewee.Database) -> None:
    ids = [f"{number:012x}" for number in range(1200)]
    batch = PresenceBatch()
    for device_id in ids:
        batch.add(device_id, True)
    assert len(batch.register(NOW)) == 1200
    before = sqlite_database.connection().total_changes
    assert batch.register(NOW) == []
    assert sqlite_database.connection().total_changes == before


@pytest.mark.parametrize("typed", ["b71e09", "b71e09c4b", "b71e09c4" * 4])
@pytest.mark.parametrize("ttl", [None, timedelta(minutes=15)])
def test_associating_by_code_searches_indexes(
    sqlite_database: peewee.Database, typed: str, ttl: timedelta | None
) -> None:
    """Right and wrong: with a million lamps that wait, each look through them takes seconds."""
    ada = add_user("ada")
    announce(CodePolicy(ttl=ttl))

    def right_and_wrong() -> None:
        Lampi.create(device_id="b827ebba0387", association_code="b71e09c4" * 4, code_issued_at=NOW)
        associate_by_code(typed, ada, NOW)
        with pytest.raises(UnknownCode):
            associate_by_code(typed, ada, NOW)

    (claiming, *_) = plans(sqlite_database, "UPDATE", right_and_wrong)
    assert claiming == "SEARCH lampi USING INDEX sqlite_autoindex_lampi_1 (device_id=?)"
    Lampi.delete().execute()
    looks = plans(sqlite_database, "SELECT", right_and_wrong)
    assert sum("SEARCH lampi USING INDEX lampi_short_code (<expr>=?)" in plan for plan in looks) == 2
    assert not any("lampi_user_id" in plan for plan in looks)


@pytest.mark.parametrize("count", [1, 9, 2000])
def test_registering_searches_indexes(sqlite_database: peewee.Database, count: int) -> None:
    """However many come at once: SQLite's choice depends on it."""
    batch = PresenceBatch()
    device_ids = [f"{number:012x}" for number in range(count)]
    for device_id in device_ids:
        batch.add(device_id, True)
    seen = plans(sqlite_database, "SELECT", lambda: batch.register(NOW))
    seen += plans(sqlite_database, "SELECT", lambda: register_lamps([*device_ids, "b827ebba0387"], NOW))
    assert any("SEARCH lampi USING INDEX lampi_short_code (<expr>=?)" in plan for plan in seen)
    assert not any(re.search(r"SCAN lampi\b", plan) or "lampi_user_id" in plan for plan in seen)


@pytest.mark.parametrize(
    "fetch", [lambda rows: rows.fetchone(), lambda rows: rows.fetchmany(2), lambda rows: rows.fetchall(), next, list]
)
def test_an_error_while_rows_are_fetched_is_the_database_s(
    sqlite_database: peewee.SqliteDatabase, fetch: Callable[[Any], object]
) -> None:
    """It would otherwise pass everything that catches the database's errors, and end a thread."""
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n"
    rows = sqlite_database.execute_sql(many)
    sqlite_database.connection().set_progress_handler(lambda: 1, 1)  # interrupts what runs
    try:
        with pytest.raises(peewee.OperationalError, match="interrupted"):
            fetch(rows)
    finally:
        sqlite_database.connection().set_progress_handler(None, 1)


def test_an_owners_lamps_are_found_by_their_index(sqlite_database: peewee.Database) -> None:
    ada = add_user("ada")
    (plan,) = plans(sqlite_database, "SELECT", lambda: list(Lampi.select().where(Lampi.user == ada)))
    assert plan == "SEARCH lampi USING INDEX lampi_user_id (user_id=?)"


def test_the_daemon_checkpoints_before_a_process_with_a_waiting_user(
    sqlite_database: peewee.SqliteDatabase,
) -> None:
    def setting(name: str) -> int:
        ((value,),) = sqlite_database.execute_sql(f"PRAGMA {name}").fetchall()
        return int(value)

    pages, memory = setting("wal_autocheckpoint"), -setting("cache_size")
    tune_for_bursts(sqlite_database)
    for _ in range(2):
        assert setting("wal_autocheckpoint") <= pages // 2
        assert -setting("cache_size") > memory
        sqlite_database.close()  # as the daemon does when its database fails


def test_a_recent_claim_of_an_owner_of_many_is_found_without_the_others(sqlite_database: peewee.Database) -> None:
    ada = add_user("ada")
    (plan,) = plans(sqlite_database, "SELECT", lambda: recently_claimed(ada, "b71e09", NOW))
    assert plan == "SEARCH lampi USING INDEX lampi_user_id (user_id=? AND associated_at>?)"
