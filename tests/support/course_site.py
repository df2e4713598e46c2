"""The database of a LAMPI course site, with the tables that its Django migrations make."""

import base64
import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

PARKED = "parked_device_user"
CREATED_AT = "2021-02-03 04:05:06.789012"

_SQLITE = """
CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL,
    "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL,
    "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE,
    "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL, "is_staff" bool NOT NULL,
    "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "first_name" varchar(150) NOT NULL);
CREATE TABLE "lampi_lampi" ("name" varchar(50) NOT NULL, "device_id" varchar(12) NOT NULL PRIMARY KEY,
    "created_at" datetime NOT NULL, "association_code" varchar(32) NOT NULL UNIQUE,
    "user_id" integer NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "lampi_lampi_user_id_1" ON "lampi_lampi" ("user_id");
"""

_POSTGRESQL = (
    _SQLITE.replace("integer NOT NULL PRIMARY KEY AUTOINCREMENT", "serial NOT NULL PRIMARY KEY")
    .replace("datetime", "timestamp with time zone")
    .replace(" bool ", " boolean ")
)


def django_hash(password: str, rounds: int = 1000, salt: str = "JrG3f0aVbLpd") -> str:
    """Return a hash as Django keeps it; it makes a million rounds, for which tests have no time."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(digest).decode()}"


@dataclass(frozen=True)
class SiteUser:
    """A row of `auth_user`."""

    id: int
    name: str
    password: str = "!unusable"
    is_active: bool = True


@dataclass(frozen=True)
class SiteLamp:
    """A row of `lampi_lampi`; ``owner`` is a user's id."""

    device_id: str
    code: str
    owner: int | None = None
    name: str = "My LAMPI"
    created_at: str = CREATED_AT


class CourseSiteDatabase:
    """A site's database at a SQLite file or a PostgreSQL URL."""

    def __init__(self, place: Path | str) -> None:
        self.place = str(place)
        self._is_server = self.place.startswith("postgresql")
        if self._is_server:
            with psycopg.connect(self.place) as connection:
                connection.execute(_POSTGRESQL)
        else:
            with closing(sqlite3.connect(self.place)) as database:
                database.executescript(_SQLITE)

    def add(self, users: Sequence[SiteUser] = (), lamps: Sequence[SiteLamp] = ()) -> None:
        """Add rows."""
        at = f"{CREATED_AT}{'+00' if self._is_server else ''}"
        user_rows = [
            (user.id, user.password, False, user.name, "", "", False, user.is_active, at, "") for user in users
        ]
        lamp_rows = [
            (lamp.name, lamp.device_id, f"{lamp.created_at}{'+00' if self._is_server else ''}", lamp.code, lamp.owner)
            for lamp in lamps
        ]
        columns = "id, password, is_superuser, username, last_name, email, is_staff, is_active, date_joined, first_name"
        self._insert(f"INSERT INTO auth_user ({columns})", user_rows)
        self._insert("INSERT INTO lampi_lampi (name, device_id, created_at, association_code, user_id)", lamp_rows)

    def execute(self, statement: str) -> None:
        if self._is_server:
            with psycopg.connect(self.place) as connection:
                connection.execute(statement)
        else:
            with closing(sqlite3.connect(self.place)) as database:
                database.execute(statement)
                database.commit()

    def _insert(self, into: str, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        if self._is_server:
            with psycopg.connect(self.place) as connection, connection.cursor() as cursor:
                cursor.executemany(f"{into} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)
        else:
            with closing(sqlite3.connect(self.place)) as database:
                database.executemany(f"{into} VALUES ({', '.join('?' * len(rows[0]))})", rows)
                database.commit()
