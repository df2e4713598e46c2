"""How a database would carry out the statements that a piece of code really issues."""

import logging
import re
from collections.abc import Callable

import peewee


class _Statements(logging.Handler):
    """Collects the statements that peewee logs, with their parameters."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[tuple[str, list[object]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, tuple):
            self.seen.append(record.msg)


def plans(database: peewee.Database, verb: str, act: Callable[[], object]) -> list[str]:
    """Return the plan of each statement of a kind (SELECT, UPDATE, ...) that `act` issues, each as one line.

    PostgreSQL is asked for the plan that avoids reading whole tables where it can: on the few rows of a test it would
    read them whole whatever indices there are.
    """
    statements = _Statements()
    logger = logging.getLogger("peewee")
    level = logger.level
    logger.addHandler(statements)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    try:
        act()
    finally:
        logger.removeHandler(statements)
        logger.propagate = True
        logger.setLevel(level)
    on_sqlite = isinstance(database, peewee.SqliteDatabase)
    if not on_sqlite:
        database.execute_sql("SET enable_seqscan = off")
    explain, column = ("EXPLAIN QUERY PLAN", 3) if on_sqlite else ("EXPLAIN", 0)
    return [
        _with_names(" / ".join(row[column] for row in database.execute_sql(f"{explain} {sql}", given).fetchall()), sql)
        for sql, given in statements.seen
        if sql.startswith(verb)
    ]


def _with_names(plan: str, sql: str) -> str:
    """Return a plan that speaks of tables, not of peewee's aliases for them."""
    for table, alias in re.findall(r'"(\w+)" AS "(t\d+)"', sql):
        plan = re.sub(rf"\b{alias}\b", table, plan)
    return plan
