"""Fixtures for the tests of backups."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import peewee
import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.db.database import database_proxy
from cloud.services.claiming import associate_by_device_id
from cloud.services.lamps import register_lamps
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW
from tests.support.postgres import Postgres

LAMP = "b827ebba0387"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the name of a file in a folder of its own."""
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "lampi.backup"


def restore_target(database_url: str, request: pytest.FixtureRequest) -> str:
    """Return the URL that a backup is restored into: for SQLite the same file, for PostgreSQL a new database."""
    if database_url.startswith("sqlite"):
        return database_url
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.make_database()


@pytest.fixture
def elsewhere(database_url: str, request: pytest.FixtureRequest) -> str:
    """Give the URL that a backup of the test's database is restored into."""
    return restore_target(database_url, request)


@pytest.fixture
def lampi(database: peewee.Database, ada: User) -> Lampi:
    register_lamps([LAMP], NOW)
    associate_by_device_id(LAMP, ada, NOW)
    return Lampi.named(LAMP)


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Callable[[int], object]:
    """Give a way to set the process's umask until the test ends."""

    def set_until_the_end(mask: int) -> None:
        before = os.umask(mask)
        request.addfinalizer(lambda: os.umask(before))

    return set_until_the_end


def run(*words: str, url: str) -> Result:
    """Run a command as in a process of its own: the test's connection is closed, and opens again when used."""
    database_proxy.close()
    return CliRunner().invoke(commands, words, env=os.environ | {"LAMPI_DATABASE_URL": url})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
