"""How a database would carry out the statements that a piece of code really issues."""

import re
from collections.abc import Callable
from unittest.mock import patch

import peewee


def plans(database: peewee.Database, verb: str | tuple[str, ...], act: Callable[[], object]) -> list[str]:
    """Return the plan of each statement of a kind or of some (SELECT, UPDATE, ...) that `act` issues, each as one line.

    PostgreSQL is asked for the plan that avoids reading whole tables where it can: on the few rows of a test it would
    read them whole whatever indices there are.
    """
    with patch.object(database, "execute_sql", side_effect=database.execute_sql) as execute:
        act()
    statements = [(call.args[0], call.args[1] if len(call.args) > 1 else ()) for call in execute.call_args_list]
    on_sqlite = isinstance(database, peewee.SqliteDatabase)
    if not on_sqlite:
        database.execute_sql("SET enable_seqscan = off")
    explain, column = ("EXPLAIN QUERY PLAN", 3) if on_sqlite else ("EXPLAIN", 0)
    return [
        _with_names(" / ".join(row[column] for row in database.execute_sql(f"{explain} {sql}", given).fetchall()), sql)
        for sql, given in statements
        if sql.startswith(verb)
    ]


def _with_names(plan: str, sql: str) -> str:
    """Return a plan that speaks of tables, not of peewee's aliases for them."""
    for table, alias in re.findall(r'"(\w+)" AS "(t\d+)"', sql):
        plan = re.sub(rf"\b{alias}\b", table, plan)
    return plan
