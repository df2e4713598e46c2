"""Restoring: what is in the database afterwards, and what is refused, for both kinds of database."""

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import peewee
import pytest
from playhouse.migrations import Runner

from cloud.auth import sessions
from cloud.auth.sessions import BrowserSession
from cloud.db.database import open_database
from cloud.db.schema import MIGRATIONS
from cloud.db.timestamps import utc_now
from cloud.services.claiming import add_user
from cloud.services.lamps import register_lamps
from cloud.services.offering import make_offer
from cloud.store import outbox
from cloud.store.lamps import Lampi
from cloud.store.lease import Lease, PublisherLease
from cloud.store.offers import Offer
from tests.cloud.conftest import NOW
from tests.cloud.ops.backup.conftest import LAMP, mode, restore_target, run
from tests.support.postgres import Postgres


def test_what_is_restored_is_as_it_was(lampi: Lampi, database_url: str, elsewhere: str, file: Path) -> None:
    PublisherLease().acquire(utc_now() - timedelta(minutes=1))  # whoever led when the backup was made
    sessions.begin(lampi.user, utc_now())
    make_offer(LAMP, utc_now(), "")
    origin = outbox.origin()
    run("backup", str(file), url=database_url)
    register_lamps(["b827ebba0388"], NOW)
    add_user("eve")
    done = run("restore", str(file), url=elsewhere)
    assert done.exit_code == 0, done.output
    assert "Restored 1 lamps and 1 users" in done.output
    open_database(elsewhere)
    assert [(row.device_id, row.user.name, row.associated_at) for row in Lampi.select()] == [(LAMP, "ada", NOW)]
    assert outbox.origin() == origin
    assert outbox.broker_is_suspect()
    assert Lease.select().count() == 0
    assert BrowserSession.select().count() == Offer.select().count() == 0


def test_a_sqlite_database_that_was_there_is_set_aside_with_its_last_change(
    sqlite_database: peewee.Database, tmp_path: Path, file: Path
) -> None:
    url = f"sqlite:///{tmp_path}/lampi.db"
    run("backup", str(file), url=url)
    register_lamps([LAMP], NOW)
    with closing(sqlite3.connect(tmp_path / "lampi.db")) as page:  # open and idle: it would continue in the old one
        page.execute("SELECT * FROM lampi").fetchall()
        refused = run("restore", str(file), url=url)
        assert (refused.exit_code, "stop the daemons, the web page" in refused.stderr) == (1, True)
        assert page.execute("SELECT device_id FROM lampi").fetchall() == [(LAMP,)]
        assert {path.name for path in tmp_path.glob("lampi.db*")} <= {"lampi.db", "lampi.db-wal", "lampi.db-shm"}
    done = run("restore", str(file), url=url)
    assert done.exit_code == 0, done.output
    (aside,) = tmp_path.glob("lampi.db.before-*Z")
    assert str(aside) in done.output
    with closing(sqlite3.connect(aside)) as before:
        assert before.execute("SELECT device_id FROM lampi").fetchall() == [(LAMP,)]
    with closing(sqlite3.connect(tmp_path / "lampi.db")) as after:
        assert after.execute("SELECT device_id FROM lampi").fetchall() == []
    assert mode(tmp_path / "lampi.db") == 0o600


def test_a_damaged_database_is_replaced_too(sqlite_database: peewee.Database, tmp_path: Path, file: Path) -> None:
    url = f"sqlite:///{tmp_path}/lampi.db"
    run("backup", str(file), url=url)
    sqlite_database.close()
    (tmp_path / "lampi.db").write_bytes(b"not a database any more" * 1000)
    assert run("restore", str(file), url=url).exit_code == 0
    assert run("lamps", url=url).output == "No lamps yet.\n"
    assert len(list(tmp_path.glob("lampi.db.before-*Z"))) == 1


def test_a_link_to_the_database_stays_and_the_database_stays_where_it_is(
    sqlite_database: peewee.Database, tmp_path: Path, file: Path
) -> None:
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "link.db"
    link.symlink_to("../lampi.db")
    run("backup", str(file), url=f"sqlite:///{link}")
    register_lamps([LAMP], NOW)
    for _ in ("over a database", "where the link leads to nothing"):
        done = run("restore", str(file), url=f"sqlite:///{link}")
        assert done.exit_code == 0, done.output
        assert link.readlink() == Path("../lampi.db")
        assert run("lamps", url=f"sqlite:///{tmp_path}/lampi.db").output == "No lamps yet.\n"
        (tmp_path / "lampi.db").unlink()
    assert [path.name for path in link.parent.iterdir()] == ["link.db"]
    assert len(list(tmp_path.glob("lampi.db.before-*Z"))) == 1


@pytest.mark.parametrize("what", ["a named pipe", "a device", "a link to a named pipe"])
def test_what_is_no_regular_file_is_not_restored(
    sqlite_database: peewee.Database, tmp_path: Path, file: Path, what: str
) -> None:
    if what == "a device":
        file.symlink_to("/dev/zero")
    elif what == "a named pipe":
        os.mkfifo(file)
    else:
        os.mkfifo(tmp_path / "pipe")
        file.symlink_to(tmp_path / "pipe")
    refused = run("restore", str(file), url=f"sqlite:///{tmp_path}/lampi.db")
    assert (refused.exit_code, refused.stderr) == (1, f"Error: {file} is not a regular file.\n")


def test_no_database_is_restored_in_the_place_of_a_named_pipe(
    sqlite_database: peewee.Database, tmp_path: Path, file: Path
) -> None:
    run("backup", str(file), url=f"sqlite:///{tmp_path}/lampi.db")
    os.mkfifo(tmp_path / "pipe")
    refused = run("restore", str(file), url=f"sqlite:///{tmp_path}/pipe")
    assert (refused.exit_code, "pipe is not a regular file" in refused.stderr) == (1, True)
    assert (tmp_path / "pipe").is_fifo()


def test_nothing_is_restored_under_a_running_daemon(
    sqlite_database: peewee.Database, tmp_path: Path, file: Path
) -> None:
    url = f"sqlite:///{tmp_path}/lampi.db"
    run("backup", str(file), url=url)
    register_lamps([LAMP], NOW)
    PublisherLease().acquire(utc_now())
    refused = run("restore", str(file), url=url)
    assert (refused.exit_code, "stop it first" in refused.stderr) == (1, True)
    assert Lampi.select().count() == 1


def test_nothing_is_restored_over_a_postgresql_database_that_is_used(
    lampi: Lampi, postgres: Postgres, file: Path
) -> None:
    used = postgres.make_database()
    run("migrate", url=used)
    run("backup", str(file), url=used)
    refused = run("restore", str(file), url=used)
    assert (refused.exit_code, "is not empty; create a new one" in refused.stderr) == (1, True)


def test_a_backup_of_an_earlier_release_is_upgraded(
    empty_database_url: str, request: pytest.FixtureRequest, file: Path
) -> None:
    earlier, elsewhere = open_database(empty_database_url, create=True), restore_target(empty_database_url, request)
    Runner(earlier, str(MIGRATIONS)).up("0003_durability")
    insert = (
        "INSERT INTO lampi (device_id, name, association_code, created_at, connected, code_issued_at, message_version)"
    )
    earlier.execute_sql(f"{insert} VALUES ('{LAMP}', 'Kitchen', '{'b71e09c4' * 4}', '{NOW:%F}', false, '{NOW:%F}', 0)")
    earlier.close()
    assert run("backup", str(file), url=empty_database_url).exit_code == 0
    done = run("restore", str(file), url=elsewhere)
    assert "Applied 0005_operation." in done.output
    assert "Kitchen" in run("lamps", url=elsewhere).output


@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON lampi BEGIN UPDATE lampi SET name = ''; END", "trigger t is unknown"),
        ("CREATE TABLE other (id INTEGER)", "table other is unknown"),
        ("CREATE VIEW v AS SELECT 1", "view v is unknown"),
        ("CREATE UNIQUE INDEX i ON lampi (name)", "index i is unknown"),
        ("ALTER TABLE lampi ADD COLUMN other TEXT", "table lampi is different"),
        ("DROP TRIGGER history_undeleted", "trigger history_undeleted is missing"),
        ("DROP INDEX lampi_short_code", "index lampi_short_code is missing"),
    ],
)
def test_a_backup_with_a_schema_that_is_not_ours_changes_nothing(
    sqlite_database: peewee.Database, tmp_path: Path, file: Path, planted: str, named: str
) -> None:
    used = f"sqlite:///{sqlite_database.database}"
    run("backup", str(file), url=used)
    with closing(sqlite3.connect(file)) as backup:
        backup.execute(planted)
        backup.commit()
    elsewhere = tmp_path / "elsewhere.db"
    refused = run("restore", str(file), url=f"sqlite:///{elsewhere}")
    assert (refused.exit_code, named in refused.stderr) == (1, True), refused.stderr
    assert not elsewhere.exists()


@pytest.mark.parametrize("damage", ["cut short", "a page overwritten", "something else", "missing"])
def test_a_file_that_is_no_whole_backup_changes_nothing(
    lampi: Lampi, database_url: str, elsewhere: str, file: Path, damage: str
) -> None:
    register_lamps([f"{number:012x}" for number in range(2000)], NOW)
    run("backup", str(file), url=database_url)
    whole = file.read_bytes()
    if damage == "cut short":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "a page overwritten":
        middle = len(whole) // 8192 * 4096
        file.write_bytes(whole[:middle] + b"\xff" * 4096 + whole[middle + 4096 :])
    elif damage == "something else":
        file.write_bytes(b"a letter")
    else:
        file.unlink()
    before = Lampi.select().count()
    refused = run("restore", str(file), url=elsewhere)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1), refused.stderr
    assert str(file) in refused.stderr
    assert Lampi.select().count() == before
    if elsewhere != database_url:
        assert open_database(elsewhere).get_tables() == []


def test_a_backup_of_the_other_kind_is_refused_with_advice(
    sqlite_database: peewee.Database, postgres: Postgres, file: Path
) -> None:
    run("backup", str(file), url=str(f"sqlite:///{sqlite_database.database}"))
    refused = run("restore", str(file), url=postgres.make_database())
    assert (refused.exit_code, "copy-database" in refused.stderr) == (1, True)


def test_a_restored_database_has_its_owner_before_its_name(
    sqlite_database: peewee.Database, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a daemon that starts in between can't open it. Where the owner can't be set, nothing is changed."""
    target = tmp_path / "lampi.db"
    run("backup", str(file), url=f"sqlite:///{target}")
    before = target.stat()
    given: list[tuple[int, int, int]] = []

    def give(place: Path, user: int, group: int) -> None:
        given.append((place.stat().st_ino, user, group))
        assert target.stat().st_ino == before.st_ino
        assert not list(tmp_path.glob("lampi.db.before-*"))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", give)
    done = run("restore", str(file), url=f"sqlite:///{target}")
    assert done.exit_code == 0, done.output
    assert given == [(target.stat().st_ino, before.st_uid, before.st_gid)]


def test_an_empty_database_is_no_backup(sqlite_database: peewee.Database, tmp_path: Path, file: Path) -> None:
    with closing(sqlite3.connect(file)) as empty:
        empty.execute("VACUUM")
        empty.execute("PRAGMA user_version = 1")
    refused = run("restore", str(file), url=f"sqlite:///{tmp_path}/lampi.db")
    assert (refused.exit_code, "it has no migrations" in refused.stderr) == (1, True), refused.stderr
