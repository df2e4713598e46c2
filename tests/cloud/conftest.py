"""Fixtures with a real database of this release, which the cloud's modules use in this process."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import peewee
import pytest

from cloud.db.database import open_database
from cloud.services.claiming import add_user
from cloud.store.lamps import User
from tests.support.postgres import Postgres

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    """Give a database of either kind, with this release's tables: what the cloud promises, it promises on both."""
    if request.param == "sqlite":
        shutil.copy(migrated, tmp_path / "lampi.db")
        return f"sqlite:///{tmp_path / 'lampi.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.make_migrated_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a database of either kind without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lampi.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.make_database()


@pytest.fixture
def database(database_url: str) -> Iterator[peewee.Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(tmp_path: Path, migrated: Path) -> Iterator[peewee.Database]:
    """Give a migrated SQLite database, for tests that apply only to SQLite."""
    shutil.copy(migrated, tmp_path / "lampi.db")
    opened = open_database(f"sqlite:///{tmp_path / 'lampi.db'}")
    yield opened
    opened.close()


@pytest.fixture
def ada(database: peewee.Database) -> User:
    return add_user("ada", NOW)


@pytest.fixture
def bob(database: peewee.Database) -> User:
    return add_user("bob", NOW)
