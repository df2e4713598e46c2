"""Migrations: new, old and newer databases."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import peewee
import pytest
from playhouse.migrations import Runner

from cloud.auth import passkeys, recovery_codes, sessions
from cloud.db.database import Table, open_database
from cloud.db.name_skeletons import name_skeleton
from cloud.db.schema import MIGRATIONS, require_current, upgrade
from cloud.errors import DatabaseAway, UnusableDatabase
from cloud.rate_limit import changes, guess_counts, live_codes, policy
from cloud.rate_limit import state_requests as state_budget
from cloud.store import (
    audit_log,
    lamps,
    lease,
    offers,
    open_sign_up,
    outbox,
    state_requests,
    state_watches,
    tombstones,
    webhook_queue,
)

TABLES: list[type[Table]] = [lamps.User, lamps.Lampi, outbox.OutboxMessage, outbox.OutboxSequence, lease.Lease]
TABLES += [
    tombstones.Tombstone,
    policy.AnnouncedPolicy,
    guess_counts.GuessCount,
    audit_log.History,
    live_codes.LiveCodes,
    changes.ChangeBucket,
    webhook_queue.WebhookEvent,
    open_sign_up.SignUp,
    recovery_codes.RecoveryCode,
    passkeys.Passkey,
    sessions.BrowserSession,
    offers.Offer,
    state_watches.StateWatch,
    state_requests.StateRequest,
    state_budget.StateBucket,
]


@pytest.fixture
def empty(tmp_path: Path) -> peewee.Database:
    return open_database(f"sqlite:///{tmp_path}/lampi.db", create=True)


def test_the_migrations_make_what_the_models_expect(database: peewee.Database) -> None:
    for table in TABLES:
        columns = {column.name: column for column in database.get_columns(table._meta.table_name)}
        fields = {field.column_name: field for field in table._meta.sorted_fields}
        assert columns.keys() == fields.keys()
        for name, field in fields.items():
            assert columns[name].null == field.null, f"{table.__name__}.{name}"
            assert columns[name].primary_key == field.primary_key


def test_upgrading_twice_does_nothing_more(database: peewee.Database) -> None:
    assert upgrade(database) == []
    require_current(database)


def test_an_unmigrated_database_is_refused(empty: peewee.Database) -> None:
    with pytest.raises(UnusableDatabase, match="run 'lampi-cloud migrate'"):
        require_current(empty)


def test_a_half_migrated_database_is_refused_and_upgraded(empty: peewee.Database) -> None:
    Runner(empty, str(MIGRATIONS)).up("0001_lamps")
    with pytest.raises(UnusableDatabase, match="run 'lampi-cloud migrate'"):
        require_current(empty)
    assert upgrade(empty) == sorted(script.stem for script in MIGRATIONS.glob("0*.py"))[1:]
    require_current(empty)


def test_a_newer_database_is_left_alone(database: peewee.Database) -> None:
    database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_tomorrow', '2030-01-01')")
    for act in (require_current, upgrade):
        with pytest.raises(UnusableDatabase, match=r"from a newer release.*9999_tomorrow"):
            act(database)


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: peewee.Database) -> None:
    Runner(empty, str(MIGRATIONS)).up("0001_lamps")
    empty.execute_sql("CREATE TABLE lease (name TEXT)")  # in the way of 0002
    with pytest.raises(UnusableDatabase, match="Can't migrate the database: ") as raised:
        upgrade(empty)
    assert not isinstance(raised.value, DatabaseAway)  # a daemon would retry for ever
    assert {column.name for column in empty.get_columns("lampi")} == {"device_id", "name", "user_id", "created_at"}


def test_a_locked_database_is_away_for_now(empty: peewee.SqliteDatabase) -> None:
    empty.execute_sql("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(empty.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseAway, match="Can't migrate the database now: "):
            upgrade(empty)
    assert upgrade(empty)


def test_many_may_upgrade_at_once(empty_database_url: str) -> None:
    environment = os.environ | {"LAMPI_DATABASE_URL": empty_database_url}
    upgrades = [
        subprocess.Popen([sys.executable, "-m", "cloud", "migrate"], env=environment, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=60)[1] for process in upgrades]
    assert [process.returncode for process in upgrades] == [0] * 4, said


def test_names_of_existing_users_get_their_skeletons_even_if_they_look_alike(empty_database_url: str) -> None:
    old = open_database(empty_database_url, create=True)
    Runner(old, str(MIGRATIONS)).up("0016_sessions")
    names = ["ada", "ad\N{CYRILLIC SMALL LETTER A}", "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"]
    for name in names:
        old.execute_sql(f"INSERT INTO lampi_user (name) VALUES ({old.param})", [name])  # noqa: S608 - a placeholder
    upgrade(old)
    stored = lamps.User.select(lamps.User.name, lamps.User.name_skeleton).order_by(lamps.User.id)
    assert list(stored.tuples()) == [(name, name_skeleton(name)) for name in names]
    old.close()
