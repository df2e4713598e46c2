"""Finds association codes and passwords in logs."""

import re
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing
from pathlib import Path

PASSWORDS = ("secret", "hunter2", "correct horse", "correct%20horse", "p/w:@")
"""The passwords that tests use; in a URL, any is found."""

_WHOLE_CODE = re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])")
_PASSWORD = re.compile(r"\b(" + "|".join(map(re.escape, PASSWORDS)) + r")(?!\w)")
_IN_URL = re.compile(r"[a-z]+://[^\s/:@]*:(?!\*\*\*@)[^\s/@]+@")
_WORD = re.compile(r"[0-9a-f]+")
_MOST_SHORT_CODES = 100
"""Among thousands, one may well look like a process id or an instant that stands in a log."""


def secrets_in(text: str, short_codes: Collection[str]) -> list[str]:
    """Return the codes, whole or these short ones, and the passwords in a log."""
    found = {match[0] for match in _WHOLE_CODE.finditer(text)}
    if len(short_codes) <= _MOST_SHORT_CODES:
        found |= set(short_codes).intersection(_WORD.findall(text))
    found |= {match[0] for pattern in (_PASSWORD, _IN_URL) for match in pattern.finditer(text)}
    return sorted(found)


def secrets_in_logs(folder: Path) -> list[str]:
    """Return a line for each secret in each log below a folder; the short codes are those of the databases there."""
    logs = [log for log in folder.rglob("*.log*") if log.is_file()]
    if not logs:
        return []
    shorts = short_codes_of(_codes_below(folder))
    return [f"{log} has {secret}" for log in logs for secret in secrets_in(_text(log), shorts)]


def short_codes_of(codes: Iterable[str]) -> set[str]:
    """Return what a screen may show of these codes, while short codes have 6 to 12 characters."""
    return {code[:length] for code in codes for length in range(6, 13)}


def _codes_below(folder: Path) -> set[str]:
    codes: set[str] = set()
    for file in folder.rglob("*.db"):
        if not file.is_file():
            continue
        with closing(sqlite3.connect(file)) as database:
            try:
                codes |= {code for (code,) in database.execute("SELECT association_code FROM lampi")}
            except sqlite3.Error:  # a database that a test has spoilt on purpose
                continue
    return codes


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
