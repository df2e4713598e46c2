"""Loading the rows of a dump into tables that exist. No statement of the dump is executed: it could be anyone's."""

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

import peewee
import psycopg
from psycopg import sql

from cloud.errors import UnusableBackup

_NAME = r'(?:(?:\w+|"[^"]+")\.)?"?(\w+)"?'
_COPY = re.compile(rf"COPY {_NAME} \(([\w\", ]+)\) FROM stdin;")
_SET_SEQUENCE = re.compile(rf"SELECT pg_catalog\.setval\('{_NAME}', (\d+), (true|false)\);")
_WITHOUT_EFFECT = re.compile(r"--.*|SET \w+ = [^;]*;|SELECT pg_catalog\.set_config\([^;]*\);|\\(un)?restrict \w+|")
_END_OF_ROWS = b"\\.\n"


def load_rows(database: peewee.PostgresqlDatabase, script: Iterable[bytes], shown_as: Path) -> None:
    """Replace all rows by those of ``script``, the lines of a dump's data, in one transaction.

    Triggers don't fire: the dump has what they wrote, too. References are checked at the end, since a dump's tables are
    in any order.

    Raises:
        UnusableBackup: the script has other statements, tables or columns, or its rows don't fit.
    """
    lines = iter(script)
    try:
        with database.atomic(), database.connection().cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # reading the dump can take long
            tables = set(database.get_tables())
            _prepare(cursor, tables)
            for line in lines:
                if not _follow(cursor, line.decode(errors="replace").rstrip("\n"), lines, tables):
                    raise UnusableBackup(f"{shown_as} is not a backup of this program: its data has other statements.")
            _finish(cursor, tables)
    except psycopg.Error as fault:
        raise UnusableBackup(f"{shown_as} is damaged: {str(fault).splitlines()[0]}") from None


def rows(script: Iterable[bytes], table: str) -> list[dict[str, str]]:
    """Return the rows of one table in a script, as they are written there."""
    lines, found = iter(script), []
    for line in lines:
        copied = _COPY.fullmatch(line.decode(errors="replace").rstrip("\n"))
        if copied is not None and copied[1] == table:
            names = _columns(copied[2])
            found += [dict(zip(names, row.decode().rstrip("\n").split("\t"), strict=False)) for row in _rows(lines)]
    return found


def _follow(cursor: psycopg.Cursor, line: str, following: Iterator[bytes], tables: set[str]) -> bool:
    """Do what a line of the script says, if it is one of the statements that pg_dump writes for rows."""
    copied, sequence = _COPY.fullmatch(line), _SET_SEQUENCE.fullmatch(line)
    if copied is not None and copied[1] in tables:
        names = sql.SQL(", ").join(map(sql.Identifier, _columns(copied[2])))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(copied[1]), names)
        with cursor.copy(statement) as target:
            for row in _rows(following):
                target.write(row)
        return True
    if sequence is not None and sequence[1] in {f"{table}_id_seq" for table in tables}:
        cursor.execute("SELECT setval(%s::regclass, %s, %s)", [sequence[1], int(sequence[2]), sequence[3] == "true"])
        return True
    return _WITHOUT_EFFECT.fullmatch(line) is not None


def _prepare(cursor: psycopg.Cursor, tables: set[str]) -> None:
    for table in tables:
        cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table)))
    _alter_references(cursor, "DEFERRABLE INITIALLY DEFERRED")
    cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, sorted(tables)))))


def _finish(cursor: psycopg.Cursor, tables: set[str]) -> None:
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _alter_references(cursor, "NOT DEFERRABLE")
    for table in tables:
        cursor.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(sql.Identifier(table)))


def _alter_references(cursor: psycopg.Cursor, how: str) -> None:
    cursor.execute(
        "SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
        " WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
    )
    for table, name in cursor.fetchall():
        altered = sql.SQL("ALTER TABLE {} ALTER CONSTRAINT {} ").format(sql.Identifier(table), sql.Identifier(name))
        cursor.execute(altered + sql.SQL(how))


def _columns(text: str) -> list[str]:
    return [name.strip('"') for name in text.split(", ")]


def _rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    return takewhile(lambda line: line != _END_OF_ROWS, lines)
