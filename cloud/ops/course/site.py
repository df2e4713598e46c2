"""Reading the database of a LAMPI course site. Nothing is written to it, and no lock on it blocks the site."""

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from cloud.db.url import parse_database_url, shown_url, sqlite_file
from cloud.errors import UnusableCourseSite

CONNECT_SECONDS = 10
ATTEMPTS = 5
"""How often a SQLite file that the site changes meanwhile is copied again."""

_USERS = "SELECT id, username, password, is_active FROM auth_user ORDER BY id"
_LAMPS = (
    "SELECT device_id, name, association_code, CAST(created_at AS text), user_id FROM lampi_lampi ORDER BY device_id"
)

_BESIDE = ("", "-wal", "-journal")
"""A SQLite database's files: what the site has committed may be in the second, what it has not, in the first."""


@dataclass(frozen=True)
class CourseUser:
    """A row of `auth_user`."""

    id: int
    name: str
    password: str = field(repr=False)
    is_active: bool


@dataclass(frozen=True)
class CourseLamp:
    """A row of `lampi_lampi`. ``created_at`` is None if it can't be read, ``owner_id`` if there is no owner."""

    device_id: str
    name: str
    code: str = field(repr=False)
    created_at: datetime | None
    owner_id: int | None


@dataclass(frozen=True)
class CourseSite:
    """The users and lamps of a course site, in the order of their ids."""

    users: list[CourseUser]
    lamps: list[CourseLamp]


def read_site(source: str) -> CourseSite:
    """Read a site's database: a SQLite file, or a database URL.

    Raises:
        UnusableCourseSite: it can't be read, or is not that of a course site.
    """
    if "://" not in source and source.partition(":")[0] not in ("sqlite", "postgresql", "postgres"):
        return _read_file(Path(source))
    try:
        url = parse_database_url(source.replace("postgres://", "postgresql://", 1))
    except ValueError as fault:
        raise UnusableCourseSite(f"The database URL {fault}.") from None
    file = sqlite_file(url)
    return _read_server(url) if file is None else _read_file(file)


def _read_file(file: Path) -> CourseSite:
    """Read a copy: SQLite would write to a database with a write-ahead log even to read it."""
    try:
        with tempfile.TemporaryDirectory(prefix="lampi-import-") as folder:
            copy = Path(folder) / "site.db"
            _copy_unchanged(file, copy)
            with closing(sqlite3.connect(copy)) as database:
                database.text_factory = lambda text: text.decode(errors="replace")
                return _site(database.execute(_USERS), database.execute(_LAMPS))
    except OSError as fault:
        raise UnusableCourseSite(f"Can't read {file}: {fault.strerror or fault}.") from None
    except sqlite3.Error as fault:
        raise UnusableCourseSite(f"{file} is not the database of a LAMPI course site: {fault}.") from None


def _copy_unchanged(file: Path, copy: Path) -> None:
    file = file.resolve(strict=True)
    if not stat.S_ISREG(file.stat().st_mode):
        raise UnusableCourseSite(f"{file} is not a regular file.")
    for _ in range(ATTEMPTS):
        before = _state_of(file)
        for beside in _BESIDE:
            Path(f"{copy}{beside}").unlink(missing_ok=True)
            if before[beside] is not None:
                shutil.copyfile(f"{file}{beside}", f"{copy}{beside}")
        if _state_of(file) == before:
            return
    raise UnusableCourseSite(f"The site writes to {file} all the time; stop the site, or give a copy.")


def _state_of(file: Path) -> dict[str, tuple[int, ...] | None]:
    def state(path: str) -> tuple[int, ...] | None:
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    return {beside: state(f"{file}{beside}") for beside in _BESIDE}


def _read_server(url: str) -> CourseSite:
    shown = shown_url(url)
    try:
        with psycopg.connect(url, client_encoding="UTF8", connect_timeout=CONNECT_SECONDS) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("SET LOCAL TIME ZONE 'UTC'")
            return _site(connection.execute(_USERS), connection.execute(_LAMPS))
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as fault:
        first = str(fault).splitlines()[0]
        raise UnusableCourseSite(f"{shown} is not the database of a LAMPI course site: {first}.") from None
    except (psycopg.Error, UnicodeDecodeError) as fault:
        raise UnusableCourseSite(f"Can't read {shown}: {str(fault).splitlines()[0]}.") from None


def _site(users: Iterable[Any], lamps: Iterable[Any]) -> CourseSite:
    return CourseSite(
        [CourseUser(key, _text(name), _text(password), bool(active)) for key, name, password, active in users],
        [
            CourseLamp(_text(device_id), _text(name), _text(code), _instant(created_at), owner)
            for device_id, name, code, created_at, owner in lamps
        ],
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _instant(text: object) -> datetime | None:
    """Return a timestamp: SQLite has it in UTC without a time zone, PostgreSQL with one."""
    try:
        read = datetime.fromisoformat(_text(text))
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
