"""Bulk SQL statements, written by hand: peewee takes several times longer to build one than SQLite takes to run it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from peewee import Field, SqliteDatabase, chunked

from cloud.db.database import Table, database_proxy

ROWS_A_STATEMENT = 500


def rows_among(query: str, values: Iterable[object], *before: object) -> Iterator[tuple[Any, ...]]:
    """Yield a query's rows. ``{}`` in it is replaced by a test for membership in ``values``, in chunks.

    ``before`` are the parameters of the `?` placeholders, which must precede ``{}``.
    """
    query = query.replace("?", database_proxy.param)
    for condition, parameters in _conditions(values):
        yield from database_proxy.execute_sql(query.format(condition), [*before, *parameters]).fetchall()


def change_among(statement: str, values: Iterable[object], *before: object) -> None:
    """Run a statement. ``{}`` in it is replaced by a test for membership in ``values``, in chunks.

    ``before`` are the parameters of the `?` placeholders, which must precede ``{}``.
    """
    statement = statement.replace("?", database_proxy.param)
    for condition, parameters in _conditions(values):
        database_proxy.execute_sql(statement.format(condition), [*before, *parameters])


def change_in_ranges(statement: str, numbers: Iterable[int]) -> None:
    """Run a statement with two `?` placeholders, the first and last number, for each run of consecutive numbers."""
    statement = statement.replace("?", database_proxy.param)
    # Within such a run, the difference between a number and its index in the sorted list is constant.
    for _, run in groupby(enumerate(sorted(numbers)), lambda placed: placed[1] - placed[0]):
        consecutive = [number for _, number in run]
        database_proxy.execute_sql(statement, (consecutive[0], consecutive[-1]))


def _conditions(values: Iterable[object]) -> Iterator[tuple[str, list[object]]]:
    for chunk in chunked(values, ROWS_A_STATEMENT):
        if isinstance(database_proxy.obj, SqliteDatabase):
            yield f"IN {_places(len(chunk))}", chunk
        else:
            yield "= ANY(%s)", [_array(chunk)]  # PostgreSQL would plan a list of parameters again on every call


def insert(
    table: type[Table],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    alike: Mapping[str, object] | None = None,
    conflict: str = "",
) -> None:
    """Insert rows with these columns. ``alike`` holds values common to all rows; other columns get their defaults.

    ``conflict`` is appended to the statement. Values in ``rows`` are strings or numbers, as stored.
    """
    fields = table._meta.fields
    same = {**table._meta.get_default_dict(), **(alike or {})}
    same_fields = [name for name in same if name not in columns]
    same_values = [fields[name].db_value(same[name]) for name in same_fields]
    names = ", ".join(fields[name].column_name for name in (*columns, *same_fields))
    # Converted once: sqlite3 takes a microsecond per timestamp and row.
    written = [str(value) if isinstance(value, datetime) else value for value in same_values]
    into = f"INSERT INTO {table._meta.table_name} ({names})"
    for chunk in chunked(rows, ROWS_A_STATEMENT):
        if isinstance(database_proxy.obj, SqliteDatabase):
            values = ", ".join([_places(len(columns) + len(same_fields))] * len(chunk))
            parameters = [value for row in chunk for value in (*row, *written)]
            database_proxy.execute_sql(f"{into} VALUES {values} {conflict}", parameters)
        else:  # psycopg parses the statement, and each placeholder costs it more than the value
            arrays = ", ".join(f"%s::{_type_of(fields[name])}[]" for name in columns)
            places = ", ".join(["given.*", *["%s"] * len(same_fields)])
            parameters = [*same_values, *(_array(values) for values in zip(*chunk, strict=True))]
            source = f"SELECT {places} FROM unnest({arrays}) AS given"  # noqa: S608 - names of ours
            database_proxy.execute_sql(f"{into} {source} {conflict}", parameters)


def update(
    table: type[Table],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    alike: Mapping[str, object] | None = None,
) -> None:
    """Set columns by primary key, in one statement a chunk.

    ``rows`` has the key and the values of each row, in the format that `insert` takes. ``alike`` holds values common to
    all rows.
    """
    fields, key, alike = table._meta.fields, table._meta.primary_key, alike or {}
    given_names = ["this", *(f"new_{name}" for name in columns)]
    changes = [f"{fields[name].column_name} = new_{name}" for name in columns]
    changes += [f"{fields[name].column_name} = {database_proxy.param}" for name in alike]
    same_values = [fields[name].db_value(value) for name, value in alike.items()]
    change = f"UPDATE {table._meta.table_name} SET {', '.join(changes)} FROM given WHERE {key.column_name} = this"  # noqa: S608
    for chunk in chunked(rows, ROWS_A_STATEMENT):
        if isinstance(database_proxy.obj, SqliteDatabase):
            given = f"VALUES {', '.join([_places(len(given_names))] * len(chunk))}"
            parameters = [part for row in chunk for part in row]
        else:
            arrays = ", ".join(f"%s::{_type_of(field)}[]" for field in (key, *(fields[name] for name in columns)))
            given = f"SELECT * FROM unnest({arrays})"  # noqa: S608
            parameters = [_array(values) for values in zip(*chunk, strict=True)]
        statement = f"WITH given ({', '.join(given_names)}) AS ({given}) {change}"
        database_proxy.execute_sql(statement, [*parameters, *same_values])


def _places(count: int) -> str:
    return f"({', '.join([database_proxy.param] * count)})"


def _type_of(field: Field) -> str:
    return str(database_proxy.obj._field_types.get(field.field_type, field.field_type))


def _array(values: Iterable[object]) -> str:
    """Format strings or numbers (never None) as a PostgreSQL array. psycopg takes ten times as long.

    The values are escaped together, separated by NUL, which PostgreSQL text can't contain.
    """
    joined = "\0".join(map(str, values)).replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + joined.replace("\0", '","') + '"}'
