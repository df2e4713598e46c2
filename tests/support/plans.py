"""How SQLite would carry out the statements that a piece of code really issues."""

from collections.abc import Callable

import peewee


def plans(database: peewee.Database, verb: str, act: Callable[[], object]) -> list[str]:
    """Return the plan of each statement of a kind (SELECT, UPDATE, ...) that `act` issues."""
    issued: list[str] = []  # with the parameters filled in, as SQLite itself tells them
    connection = database.connection()
    connection.set_trace_callback(issued.append)
    try:
        act()
    finally:
        connection.set_trace_callback(None)
    return [
        " / ".join(row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {statement}").fetchall())
        for statement in issued
        if statement.startswith(verb)
    ]
