"""Recognizing the databases of other programs, which this program neither reads, migrates nor replaces.

A database is this program's if it has the table of migrations, whatever else it has: an installation that shares its
database with another program goes on. One without any table is free to use. Every other one is refused. PostgreSQL's
tables count only in the schema that the connection uses, and not those of extensions.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

import peewee

from cloud.db.url import shown_url, sqlite_file
from cloud.errors import ForeignDatabase

MIGRATIONS_TABLE = "schema_migration"

_COURSE_TABLES = {"auth_user", "lampi_lampi"}
"""Of Django, and of the LAMPI course's application."""

_IN_POSTGRESQL = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND NOT EXISTS (
    SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
)
"""


def whose(tables: Iterable[str], import_from: str) -> str | None:
    """Return what a database with these tables is, and what to do instead, or None if it is this program's or empty.

    ``import_from`` is what `lampi-cloud import-course` takes to read it.
    """
    found = {table for table in tables if not table.startswith("sqlite_")}
    if not found or MIGRATIONS_TABLE in found:
        return None
    if found >= _COURSE_TABLES:
        return (
            "is the database of a LAMPI course site (Django). Nothing was changed; copy its users and lamps into a "
            f"database of this program with 'lampi-cloud import-course {import_from}'"
        )
    return (
        f"is the database of another program: it has the table {min(found)}. Nothing was changed; give this program an "
        "empty database of its own"
    )


def refuse_foreign_file(file: Path) -> None:
    """Check a SQLite file before it is opened for use, which would change its journal mode.

    Raises:
        ForeignDatabase: it has tables of another program only.
    """
    tables: list[str] = []
    place = file.resolve()
    # Without a write-ahead log, SQLite needs neither locks nor files of its own, which it would leave behind.
    how = "mode=ro" if Path(f"{place}-wal").exists() else "mode=ro&immutable=1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{place.as_uri()}?{how}", uri=True)) as opened:
        tables = tables_in(opened)  # an error is reported by whoever opens the file for use
    _refuse(tables, str(file), str(file))


def refuse_foreign_server_database(database: peewee.Database, url: str) -> None:
    """Check a PostgreSQL database.

    Raises:
        ForeignDatabase: the schema in use has tables of another program only.
    """
    if sqlite_file(url) is None:
        tables = [table for (table,) in database.execute_sql(_IN_POSTGRESQL).fetchall()]
        try:
            _refuse(tables, shown_url(url), "URL")
        except ForeignDatabase:
            database.close()
            raise


def tables_in(connection: sqlite3.Connection) -> list[str]:
    """Return the names of a SQLite database's tables."""
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _refuse(tables: Iterable[str], shown: str, import_from: str) -> None:
    found = whose(tables, import_from)
    if found is not None:
        raise ForeignDatabase(f"{shown} {found}.")
