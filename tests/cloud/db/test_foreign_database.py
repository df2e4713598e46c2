"""Databases of other programs: every command refuses them and leaves them as they are."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.db.database import connect_database
from cloud.db.schema import require_current, upgrade
from cloud.db.url import sqlite_file
from cloud.errors import ForeignDatabase
from tests.support.course_site import CourseSiteDatabase
from tests.support.postgres import Postgres

COMMANDS = [
    ["migrate"],
    ["daemon", "--migrate"],
    ["daemon"],
    ["lamps"],
    ["adopt"],
    ["user", "add", "ada"],
    ["backup", "backup.db"],
]


def run(*words: str, url: str) -> Result:
    return CliRunner().invoke(commands, words, env=os.environ | {"LAMPI_DATABASE_URL": url})


def execute(url: str, *statements: str) -> None:
    file = sqlite_file(url)
    for statement in statements:
        if file is None:
            with psycopg.connect(url) as connection:
                connection.execute(statement)
        else:
            with closing(sqlite3.connect(file)) as database:
                database.execute(statement)
                database.commit()


def objects_in(url: str) -> list[str]:
    file = sqlite_file(url)
    if file is not None:
        # Readers leave marks in the -shm, the index of the log, which has no content of its own.
        files = sorted(file.parent.glob(f"{file.name}*"))
        return [f"{path.name}: {b'' if path.suffix == '.db-shm' else path.read_bytes()!r}" for path in files]
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT relname FROM pg_class ORDER BY relname")]


@pytest.fixture(params=["a course site's", "another program's"])
def foreign(request: pytest.FixtureRequest, empty_database_url: str) -> tuple[str, str]:
    """Give the URL of a foreign database, and what is said about it."""
    if request.param == "another program's":
        execute(empty_database_url, "CREATE TABLE t (x integer)")
        return empty_database_url, "is the database of another program: it has the table t"
    file = sqlite_file(empty_database_url)
    CourseSiteDatabase(empty_database_url if file is None else file)
    return empty_database_url, f"lampi-cloud import-course {'URL' if file is None else file}"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_refuses_a_foreign_database(
    foreign: tuple[str, str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, said = foreign
    monkeypatch.chdir(tmp_path)
    before = objects_in(url)
    refused = run(*words, url=url)
    assert (refused.exit_code, refused.stderr.splitlines()[-1].count(said)) == (1, 1), refused.stderr
    assert "Nothing was changed" in refused.stderr
    assert "lampi-cloud migrate" not in refused.stderr
    assert objects_in(url) == before


def test_a_copy_is_made_neither_from_nor_into_one(foreign: tuple[str, str], migrated: Path, tmp_path: Path) -> None:
    url, said = foreign
    before, ours = objects_in(url), f"sqlite:///{migrated}"
    for words in (["copy-database", url, f"sqlite:///{tmp_path}/new.db"], ["copy-database", ours, url]):
        refused = run(*words, url=ours)
        assert (refused.exit_code, said in refused.stderr) == (1, True), refused.stderr
    assert objects_in(url) == before


@pytest.mark.parametrize("is_course_site", [True, False])
def test_a_foreign_sqlite_file_is_neither_restored_nor_replaced(
    tmp_path: Path, migrated: Path, is_course_site: bool
) -> None:
    ours, theirs = f"sqlite:///{tmp_path}/ours.db", f"sqlite:///{tmp_path}/theirs.db"
    assert run("migrate", url=ours).exit_code == 0
    if is_course_site:
        CourseSiteDatabase(tmp_path / "theirs.db")
    else:
        execute(theirs, "CREATE TABLE t (x)")
    said = f"import-course {tmp_path}/theirs.db" if is_course_site else "it has the table t"
    before = objects_in(ours), objects_in(theirs)
    for backup, target in ((tmp_path / "theirs.db", ours), (migrated, theirs)):
        refused = run("restore", str(backup), url=target)
        assert (refused.exit_code, said in refused.stderr) == (1, True), refused.stderr
        assert (objects_in(ours), objects_in(theirs)) == before
    assert {path.name for path in tmp_path.iterdir()} == {"ours.db", "theirs.db"}


def test_a_foreign_file_with_a_write_ahead_log_keeps_its_files(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    execute(url, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)")
    with pytest.raises(ForeignDatabase):
        connect_database(url)
    assert [path.name for path in tmp_path.iterdir()] == ["other.db"]
    with closing(sqlite3.connect(tmp_path / "other.db")) as running:
        running.execute("CREATE TABLE in_the_log_only (x)")
        before = objects_in(url)
        with pytest.raises(ForeignDatabase, match="in_the_log_only"):
            connect_database(url)
        assert objects_in(url) == before


def test_a_database_of_ours_goes_on_with_a_strangers_table(database_url: str) -> None:
    execute(database_url, "CREATE TABLE t (x integer)", "DELETE FROM schema_migration WHERE name LIKE '0017%'")
    execute(database_url, "DROP TABLE sign_up")
    database = connect_database(database_url)
    assert [name[:4] for name in upgrade(database)] == ["0017"]
    require_current(database)
    database.close()


@pytest.mark.parametrize("found", ["another schema", "an extension"])
def test_tables_of_other_schemas_and_of_extensions_don_t_count(postgres: Postgres, found: str) -> None:
    url = postgres.make_database()
    execute(url, "CREATE SCHEMA other", "CREATE TABLE other.t (x integer)")
    if found == "an extension":
        execute(
            url,
            "CREATE TABLE t (x integer)",
            "INSERT INTO pg_depend SELECT 'pg_class'::regclass, 't'::regclass, 0, 'pg_extension'::regclass, oid, 0, 'e'"
            " FROM pg_extension WHERE extname = 'plpgsql'",
        )
    assert run("migrate", url=url).exit_code == 0
    execute(url, "DELETE FROM pg_depend WHERE deptype = 'e' AND objid = to_regclass('t')")


def test_a_schema_of_its_own_in_a_shared_database_is_used(postgres: Postgres) -> None:
    url = postgres.make_database()
    execute(url, "CREATE TABLE t (x integer)", "CREATE SCHEMA lampi")
    assert run("migrate", url=f"{url}?options=-csearch_path%3Dlampi").exit_code == 0


def test_a_file_that_is_empty_or_missing_is_used(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for name in ("empty", "missing"):
        assert run("migrate", url=f"sqlite:///{tmp_path}/{name}.db").exit_code == 0
