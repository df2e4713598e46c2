"""One line a log record, the same in every program."""

import logging
import time

from shared.errors import quoted

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def parse_level(text: str) -> str:
    """Return the name of a log level.

    Raises:
        ValueError: there is no such level.
    """
    level = text.strip().upper()
    if level not in LEVELS:
        raise ValueError(f"{quoted(text)} is none of {', '.join(LEVELS)}")
    return level


def start_logging(level: str) -> None:
    """Log to standard error from now on: instant (UTC), level, part of the program, what happened."""
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
