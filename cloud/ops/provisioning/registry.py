"""Registry of issued and revoked certificates: a SQLite file beside the authorities' keys."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cloud.ops.provisioning.authority import Credentials, Revoked
from cloud.ops.provisioning.errors import NoAuthority, NotProvisioned
from cloud.ops.provisioning.files import SECRET, Content

_SCHEMA = """
CREATE TABLE certificate (
    serial TEXT PRIMARY KEY,
    authority TEXT NOT NULL,
    name TEXT NOT NULL,
    not_after REAL NOT NULL,
    revoked_at REAL
);
CREATE INDEX certificate_name ON certificate (authority, name);
CREATE INDEX certificate_revoked ON certificate (authority, revoked_at) WHERE revoked_at IS NOT NULL;
"""


@dataclass(frozen=True)
class Issued:
    """A valid certificate."""

    authority: str
    name: str
    not_after: datetime


def empty_file() -> Content:
    """Return an empty registry as a file, to be written together with the authorities' keys."""
    with closing(sqlite3.connect(":memory:")) as file:
        file.executescript(_SCHEMA)
        return Content(file.serialize(), SECRET)


class Registry:
    """Stores certificates by authority and name.

    A certificate is recorded before it is handed out, so that it can always be revoked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, authority: str, name: str, credentials: Credentials) -> None:
        """Record a certificate before it is handed out."""
        row = (_written(credentials.serial), authority, name, credentials.not_after.timestamp())
        with self._opened() as file:
            file.execute("INSERT INTO certificate (serial, authority, name, not_after) VALUES (?, ?, ?, ?)", row)

    def revoke(self, authority: str, names: Iterable[str], now: datetime) -> None:
        """Revoke all certificates of these names; idempotent.

        Raises:
            NotProvisioned: one of them has no unexpired certificate; nothing is revoked.
        """
        with self._opened() as file:
            for name in names:
                found = file.execute(
                    "UPDATE certificate SET revoked_at = coalesce(revoked_at, ?)"
                    " WHERE authority = ? AND name = ? AND not_after > ?",
                    (now.timestamp(), authority, name, now.timestamp()),
                )
                if not found.rowcount:
                    raise NotProvisioned(f"{name} has no valid certificate. Nothing was revoked.")

    def revoked(self, authority: str, now: datetime) -> list[Revoked]:
        """Return the revoked certificates that have not expired."""
        with self._opened() as file:
            rows = file.execute(
                "SELECT serial, revoked_at FROM certificate"
                " WHERE authority = ? AND revoked_at IS NOT NULL AND not_after > ? ORDER BY revoked_at",
                (authority, now.timestamp()),
            )
            return [Revoked(int(serial, 16), datetime.fromtimestamp(at, UTC)) for serial, at in rows]

    def is_good(self, authority: str, serial: int, until: datetime) -> bool:
        """Return whether a certificate is recorded, not revoked, and valid until a timestamp."""
        with self._opened() as file:
            found = file.execute(
                "SELECT 1 FROM certificate WHERE serial = ? AND authority = ? AND revoked_at IS NULL AND not_after > ?",
                (_written(serial), authority, until.timestamp()),
            )
            return found.fetchone() is not None

    def shut_out(self, authority: str, now: datetime) -> list[str]:
        """Return the names whose unexpired certificates are all revoked."""
        with self._opened() as file:
            rows = file.execute(
                "SELECT name FROM certificate WHERE authority = ? AND not_after > ?"
                " GROUP BY name HAVING count(*) = count(revoked_at) ORDER BY name",
                (authority, now.timestamp()),
            )
            return [name for (name,) in rows]

    def last_of_each(self, authority: str, now: datetime) -> Iterator[Issued]:
        """Yield, for each name, the valid certificate that expires last."""
        with self._opened() as file:
            rows = file.execute(
                "SELECT name, max(not_after) FROM certificate"
                " WHERE authority = ? AND revoked_at IS NULL AND not_after > ? GROUP BY name ORDER BY 2",
                (authority, now.timestamp()),
            )
            for name, not_after in rows:
                yield Issued(authority, name, datetime.fromtimestamp(not_after, UTC))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30)) as file, file:
                yield file
        except sqlite3.Error as fault:
            raise NoAuthority(f"Can't use {self._path}: {fault}.") from None


def _written(serial: int) -> str:
    return f"{serial:x}"
