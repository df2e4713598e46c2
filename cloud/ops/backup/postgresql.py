"""Backup and restore of PostgreSQL with pg_dump and pg_restore."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from cloud.db.database import connect_database
from cloud.db.schema import MIGRATIONS
from cloud.errors import UnusableBackup, UnusableDatabase
from cloud.ops.backup.contents import Contents, make_current
from cloud.ops.backup.foreign_schema import NO_MIGRATIONS, refuse_differences, refuse_without_migrations
from cloud.ops.backup.postgresql_definitions import definitions
from cloud.ops.backup.postgresql_rows import load_rows, rows
from cloud.ops.backup.postgresql_tools import output_of, run

HEADER = b"PGDMP"
_NO_OWNERS = ("--no-owner", "--no-privileges")
_TO_OUTPUT = "--file=-"


def dump(database_url: str, place: Path) -> None:
    """Dump a consistent snapshot of a database to a file without blocking writers.

    Raises:
        UnusableDatabase: the database is another program's, or pg_dump is missing or fails.
    """
    connect_database(database_url).close()
    run("pg_dump", "--format=custom", *_NO_OWNERS, f"--file={place}", database_url=database_url)
    run("pg_restore", "--file=/dev/null", str(place))


def load(file: Path, database_url: str) -> Contents:
    """Restore a dump into an empty database.

    The tables are made by this program's migrations, and only rows are taken from the dump. Its statements would run
    with the rights of the service: a planted function or trigger, or what a forged dump has in the place of a table.

    Raises:
        UnusableBackup: the file is damaged, or its schema isn't this program's.
        UnusableDatabase: the database is not empty, or pg_restore is missing or fails.
    """
    database = connect_database(database_url)
    try:
        if database.get_tables():
            raise UnusableDatabase("The database to restore into is not empty; create a new one and give its URL.")
        found, applied = _read(file)
        with _emptied_on_failure(database):
            with database.atomic():
                Runner(database, str(MIGRATIONS)).up(max(applied))
            expected = run("pg_dump", "--schema-only", *_NO_OWNERS, database_url=database_url)
            refuse_differences(found, definitions(expected), file)
            with output_of("pg_restore", "--data-only", _TO_OUTPUT, str(file)) as script:
                load_rows(database, script, file)
    finally:
        database.close()
    contents, database = make_current(database_url)
    database.close()
    return contents


def _read(file: Path) -> tuple[dict[str, str], list[str]]:
    """Return a dump's definitions and applied migrations, after reading it to its end.

    Raises:
        UnusableBackup: it is damaged, of a newer release, or of another program.
    """
    try:
        run("pg_restore", "--file=/dev/null", str(file))
        found = definitions(run("pg_restore", "--schema-only", *_NO_OWNERS, _TO_OUTPUT, str(file)))
        with output_of("pg_restore", "--data-only", "--table=schema_migration", _TO_OUTPUT, str(file)) as script:
            applied = [row["name"] for row in rows(script, "schema_migration") if "name" in row]
    except UnusableDatabase as fault:
        raise UnusableBackup(f"{file} is damaged. {fault}") from None
    tables = [name.removeprefix("table ") for name in found if name.startswith("table ")]
    refuse_without_migrations(tables, file, "URL")
    unknown = set(applied) - {script.stem for script in MIGRATIONS.glob("0*.py")}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise UnusableBackup(f"{file} is from a newer release (it has {names}); install that release or a later one.")
    if not applied:
        raise UnusableBackup(f"{file} {NO_MIGRATIONS}")
    return found, applied


@contextmanager
def _emptied_on_failure(database: peewee.PostgresqlDatabase) -> Iterator[None]:
    """Remove the tables and functions that a block has made, if it fails: pg_dump sees only what is committed."""
    before = _functions(database)
    try:
        yield
    except BaseException:
        with database.atomic():
            for table in database.get_tables():
                database.execute_sql(f'DROP TABLE "{table}" CASCADE')
            for function in _functions(database) - before:
                database.execute_sql(f"DROP FUNCTION {function}")
        raise


def _functions(database: peewee.PostgresqlDatabase) -> set[str]:
    selected = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    return {name for (name,) in database.execute_sql(selected).fetchall()}
