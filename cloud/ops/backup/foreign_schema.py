"""What a backup's schema has beyond this program's: a planted trigger would choose the next lamp's code."""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from cloud.db.foreign_database import MIGRATIONS_TABLE, whose
from cloud.db.schema import MIGRATIONS
from cloud.errors import UnusableBackup

Shape = dict[str, object]

NO_MIGRATIONS = "is not a backup of this program: it has no migrations. Nothing was changed."


def refuse_foreign_schema(file: Path, shown_as: Path) -> None:
    """Compare a SQLite database's tables, columns, indexes, triggers and views with those of a new one.

    The new one gets the same migrations. Nothing in the file has run when this is called: migrations come later.

    Raises:
        UnusableBackup: something is missing, different or additional; the text names the first.
    """
    with closing(peewee.SqliteDatabase(file)) as database:
        refuse_without_migrations(database.get_tables(), shown_as, str(shown_as))
        runner = Runner(database, str(MIGRATIONS))
        found = shape_of(database)
        applied = [each.name for each in runner.status() if each.applied is not None and each.path is not None]
    if not applied:
        raise UnusableBackup(f"{shown_as} {NO_MIGRATIONS}")
    with closing(peewee.SqliteDatabase(":memory:")) as fresh:
        Runner(fresh, str(MIGRATIONS)).up(max(applied))
        expected = shape_of(fresh)
    refuse_differences(found, expected, shown_as)


def refuse_without_migrations(tables: Collection[str], shown_as: Path, import_from: str) -> None:
    """Refuse a backup whose tables are another program's, or that has none; see `foreign_database.whose`.

    Raises:
        UnusableBackup: the text says what it is a backup of.
    """
    foreign = whose(tables, import_from)
    if foreign is not None:
        raise UnusableBackup(f"{shown_as} {foreign}.")
    if MIGRATIONS_TABLE not in tables:
        raise UnusableBackup(f"{shown_as} {NO_MIGRATIONS}")


def refuse_differences(found: Mapping[str, object], expected: Mapping[str, object], shown_as: Path) -> None:
    """Compare two schemas, each by kind and name.

    Raises:
        UnusableBackup: the text names the first difference.
    """
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            how = "is missing" if name not in found else "is unknown" if name not in expected else "is different"
            raise UnusableBackup(f"{shown_as} is not a backup of this program: its {name} {how}. Nothing was changed.")


def shape_of(database: peewee.SqliteDatabase) -> Shape:
    """Return everything in a schema by kind and name. Table definitions are compared by columns: DDL varies."""
    connection: sqlite3.Connection = database.connection()
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {
        f"{kind} {name}": _shape(connection, kind, name, table, sql)
        for kind, name, table, sql in rows
        if not name.startswith("sqlite_")  # SQLite's own, which no statement can create
    }


def _shape(connection: sqlite3.Connection, kind: str, name: str, table: str, sql: str) -> object:
    if kind == "table":
        columns = connection.execute("SELECT name, type, hidden FROM pragma_table_xinfo(?) ORDER BY name", [name])
        return columns.fetchall()
    if kind == "index":
        parts = connection.execute("SELECT name FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno", [name]).fetchall()
        (features,) = connection.execute(
            'SELECT "unique", partial FROM pragma_index_list(?) WHERE name = ?', [table, name]
        ).fetchall()
        return table, parts, features
    return table, " ".join(sql.split())
