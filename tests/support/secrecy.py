"""Looking for association codes where none may be: in logs."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

_WHOLE_CODE = re.compile(rb"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])")
_MOST_SHORT_CODES = 100
"""Among thousands, one may well look like a process id or an instant that stands in a log."""


def codes_in_logs(folder: Path) -> list[str]:
    """Return a line for each log below a folder that has an association code in it, whole or short."""
    shorts = _short_codes_below(folder)
    found = []
    for log in folder.rglob("*.log*"):
        text = log.read_bytes()
        leaked = {match[0].decode() for match in _WHOLE_CODE.finditer(text)}
        leaked |= {short for short in shorts if re.search(rb"(?<![0-9a-f])" + short.encode(), text)}
        found += [f"{log} has {code}" for code in sorted(leaked)]
    return found


def _short_codes_below(folder: Path) -> set[str]:
    shorts: set[str] = set()
    for file in folder.rglob("*.db"):
        if not file.is_file():
            continue
        with closing(sqlite3.connect(file)) as database:
            try:
                shorts |= {short for (short,) in database.execute("SELECT substr(association_code, 1, 6) FROM lampi")}
            except sqlite3.Error:  # a database that a test has spoilt on purpose
                continue
    return shorts if len(shorts) <= _MOST_SHORT_CODES else set()
