"""How SQLite would carry out the statements that a piece of code really issues."""

import logging
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
    """Return the plan of each statement of a kind (SELECT, UPDATE, ...) that `act` issues."""
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
    return [
        " / ".join(row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall())
        for sql, parameters in statements.seen
        if sql.startswith(verb)
    ]
