"""Backup and restore of PostgreSQL with pg_dump and pg_restore."""

import os
import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cloud.db.database import connect_database
from cloud.errors import UnusableBackup, UnusableDatabase
from cloud.ops.backup.contents import Contents, make_current

HEADER = b"PGDMP"


def dump(database_url: str, place: Path) -> None:
    """Dump a consistent snapshot of a database to a file without blocking writers.

    Raises:
        UnusableDatabase: pg_dump is missing or fails.
    """
    _run(database_url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={place}")
    _run(database_url, "pg_restore", "--file=/dev/null", str(place), connect=False)


def load(file: Path, database_url: str) -> Contents:
    """Restore a dump into an empty database, in one transaction.

    Raises:
        UnusableBackup: the file is damaged.
        UnusableDatabase: the database is not empty, or pg_restore is missing or fails.
    """
    database = connect_database(database_url)
    try:
        if database.get_tables():
            raise UnusableDatabase("The database to restore into is not empty; create a new one and give its URL.")
    finally:
        database.close()
    try:
        _run(database_url, "pg_restore", "--file=/dev/null", str(file), connect=False)
    except UnusableDatabase as fault:
        raise UnusableBackup(f"{file} is damaged. {fault}") from None
    _run(
        database_url,
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-privileges",
        str(file),
    )
    contents, database = make_current(database_url)
    database.close()
    return contents


def _run(database_url: str, program: str, *words: str, connect: bool = True) -> None:
    """Run a PostgreSQL tool; the password is passed in the environment, since command lines are public."""
    parameters = conninfo_to_dict(database_url)
    password = parameters.pop("password", None)
    shown = make_conninfo(**{name: str(value) for name, value in parameters.items()})
    try:
        done = subprocess.run(
            [program, *([f"--dbname={shown}"] if connect else []), *words],
            env=os.environ | ({} if password is None else {"PGPASSWORD": str(password)}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise UnusableDatabase(f"{program} is not installed: sudo apt install postgresql-client") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise UnusableDatabase(f"{program} failed: {lines[0]}")
