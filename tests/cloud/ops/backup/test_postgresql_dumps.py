"""PostgreSQL's dumps: all of the rows are restored, and nothing of the dump is executed."""

from pathlib import Path

import peewee
import psycopg
import pytest

from cloud.db.database import open_database
from cloud.ops.backup.postgresql_tools import run as run_tool
from cloud.services.claiming import add_user, associate_by_device_id, release
from cloud.services.lamps import register_lamps
from tests.cloud.conftest import NOW
from tests.cloud.ops.backup.conftest import LAMP, run
from tests.support.course_site import CourseSiteDatabase
from tests.support.postgres import Postgres

FUNCTION = "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
PLANTED = [
    (
        f"{FUNCTION}; CREATE TRIGGER t BEFORE INSERT ON lampi FOR EACH ROW EXECUTE FUNCTION planted()",
        "function planted",
    ),
    (
        "CREATE TRIGGER t BEFORE DELETE ON lampi FOR EACH ROW EXECUTE FUNCTION history_stays()",
        "trigger lampi t is unkn",
    ),
    ("CREATE RULE r AS ON DELETE TO history DO INSTEAD NOTHING", "rule history r is unknown"),
    ("ALTER TABLE lampi ALTER COLUMN name SET DEFAULT now()::text", "table lampi is different"),
    ("ALTER TABLE lampi ALTER COLUMN name DROP NOT NULL", "table lampi is different"),
    ("ALTER TABLE lampi ADD COLUMN other TEXT", "table lampi is different"),
    ("ALTER TABLE lampi ADD CHECK (name <> now()::text)", "table lampi is different"),
    ("ALTER SEQUENCE history_id_seq INCREMENT BY 7", "sequence history_id_seq is different"),
    ("ALTER TABLE history ALTER COLUMN id SET DEFAULT 7", "default history id is"),
    ("CREATE TABLE other (id INTEGER)", "table other is unknown"),
    ("CREATE VIEW v AS SELECT 1", "view v is unknown"),
    ("CREATE UNIQUE INDEX i ON lampi (device_id)", "index i is unknown"),
    ("CREATE SCHEMA other; CREATE TABLE other.lampi (id INTEGER)", "table lampi is different"),
    ("ALTER TABLE lampi ENABLE ROW LEVEL SECURITY", "row security lampi is unknown"),
    ("DROP TRIGGER history_stays ON history", "trigger history history_stays is missing"),
    (
        "CREATE OR REPLACE FUNCTION history_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "function history_stays() is different",
    ),
]


@pytest.fixture
def used(postgres: Postgres) -> str:
    """Give the URL of a database with rows in most tables."""
    url = postgres.make_migrated_database()
    open_database(url)
    register_lamps([LAMP, "b827ebba0388", "b827ebba0389"], NOW)
    associate_by_device_id(LAMP, add_user('ada\\ "x"'), NOW)
    associate_by_device_id("b827ebba0388", add_user("bob"), NOW)
    release("b827ebba0388", NOW)
    return url


@pytest.fixture
def new(postgres: Postgres) -> str:
    return postgres.make_database()


def script_of(url: str, *words: str) -> list[str]:
    lines = run_tool("pg_dump", "--no-comments", *words, database_url=url).splitlines()
    return [line for line in lines if not line.startswith(("--", "\\restrict", "\\unrestrict"))]


def objects_in(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        query += " UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        return [name for (name,) in connection.execute(query)]


def test_schema_and_rows_of_a_restored_database_are_those_of_the_original(used: str, new: str, file: Path) -> None:
    assert run("backup", str(file), url=used).exit_code == 0
    assert run("restore", str(file), url=new).exit_code == 0
    assert script_of(new, "--schema-only") == script_of(used, "--schema-only")
    for table in ("lampi", "lampi_user", "history", "live_codes", "outbox_message", "forgotten", "schema_migration"):
        assert script_of(new, "--data-only", f"--table={table}") == script_of(used, "--data-only", f"--table={table}")


def test_a_dump_of_a_schema_whose_name_is_quoted_is_restored(used: str, new: str, file: Path) -> None:
    with psycopg.connect(used) as connection:
        connection.execute('ALTER SCHEMA public RENAME TO "lampi-cloud"')
    run_tool("pg_dump", "--format=custom", f"--file={file}", database_url=used)
    restored = run("restore", str(file), url=new)
    assert restored.exit_code == 0, restored.output
    with psycopg.connect(used) as connection:
        connection.execute('ALTER SCHEMA "lampi-cloud" RENAME TO public')
    for table in ("lampi", "lampi_user", "history"):
        assert script_of(new, "--data-only", f"--table={table}") == script_of(used, "--data-only", f"--table={table}")


def test_triggers_and_sequences_work_after_a_restore(used: str, new: str, file: Path) -> None:
    run("backup", str(file), url=used)
    run("restore", str(file), url=new)
    database = open_database(new)
    assert add_user("eve").id == 3
    with pytest.raises(peewee.PeeweeException, match="append-only"):
        database.execute_sql("DELETE FROM history")


@pytest.mark.parametrize(("planted", "named"), PLANTED)
def test_a_dump_with_a_schema_that_is_not_ours_changes_nothing(
    used: str, new: str, file: Path, planted: str, named: str
) -> None:
    with psycopg.connect(used) as connection:
        connection.execute(planted)
    assert run("backup", str(file), url=used).exit_code == 0
    refused = run("restore", str(file), url=new)
    assert (refused.exit_code, named in refused.stderr) == (1, True), refused.stderr
    assert refused.stderr.count("\n") == 1
    assert objects_in(new) == []


FORGED = [
    (
        "CREATE INDEX attempt_at ON public.attempt",
        "CREATE TABLE planted (id INT); -- ",
        "index attempt_at is different",
    ),
    ("COPY public.lease (", "SELECT 1; -- lease ", "has other statements"),
    ("COPY public.lease (", "COPY public.leash (", "has other statements"),
    ("COPY public.lease (name,", "COPY public.lease (nome,", 'column "nome"'),
]


@pytest.mark.parametrize("forgery", FORGED)
def test_no_statement_of_a_forged_dump_is_executed(
    used: str, new: str, file: Path, forgery: tuple[str, str, str]
) -> None:
    run("backup", str(file), url=used)
    there, forged, named = forgery
    whole = file.read_bytes()
    assert whole.count(there.encode()) == 1
    file.write_bytes(whole.replace(there.encode(), forged.ljust(len(there)).encode()))
    refused = run("restore", str(file), url=new)
    assert (refused.exit_code, named in refused.stderr) == (1, True), refused.stderr
    assert objects_in(new) == []


def test_a_dump_of_another_program_and_one_of_a_newer_release_are_refused(
    postgres: Postgres, used: str, new: str, file: Path
) -> None:
    other = postgres.make_database()
    run_tool("pg_dump", "--format=custom", f"--file={file}", database_url=other)
    assert "it has no migrations" in run("restore", str(file), url=new).stderr
    CourseSiteDatabase(other)
    file.unlink()
    run_tool("pg_dump", "--format=custom", f"--file={file}", database_url=other)
    assert "lampi-cloud import-course URL" in run("restore", str(file), url=new).stderr
    with psycopg.connect(used) as connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_tomorrow', '2030-01-01')")
    run_tool("pg_dump", "--format=custom", f"--file={file}", database_url=used)
    assert "from a newer release (it has 9999_tomorrow)" in run("restore", str(file), url=new).stderr
    assert objects_in(new) == []


def test_a_dump_with_its_host_s_comments_is_restored(used: str, new: str, file: Path) -> None:
    with psycopg.connect(used) as connection:
        connection.execute("COMMENT ON TABLE lampi IS 'all lamps'")
    run("backup", str(file), url=used)
    assert run("restore", str(file), url=new).exit_code == 0
