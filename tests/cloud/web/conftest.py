"""The page in this process, on a real database of either kind, with a clock that a test can set."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import peewee
import pytest
from flask import Flask

from cloud.daemon.presence import PresenceBatch
from cloud.store.lamps import Lampi, User
from cloud.web.app import create_app
from cloud.web.settings import WebSettings
from shared.protocol.codes import SHORT_CODE_LENGTH
from tests.cloud.conftest import NOW
from tests.support.pages import Reader
from tests.support.postgres import Postgres

BOTH_DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
LAMP = "b827ebba0387"
OTHER = "b827eb11c0de"
CODE = "b71e09c4d5f64a1f9c3a2e8b7d605143"


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    """Give a database: SQLite, or what a module that asks for both kinds (`BOTH_DATABASES`) is run with."""
    if getattr(request, "param", "sqlite") == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        return postgres.make_migrated_database()
    shutil.copy(migrated, tmp_path / "lampi.db")
    return f"sqlite:///{tmp_path / 'lampi.db'}"


class Clock:
    """What time it is."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database: peewee.Database, database_url: str, clock: Clock) -> Flask:
    return create_app(WebSettings(database_url), now=clock)


@pytest.fixture
def reader(app: Flask) -> Reader:
    """Give a browser without a session."""
    return Reader(app)


@pytest.fixture
def as_ada(app: Flask, ada: User) -> Reader:
    return Reader(app).be(ada)


@pytest.fixture
def as_bob(app: Flask, bob: User) -> Reader:
    return Reader(app, "192.0.2.8").be(bob)


@pytest.fixture
def lampi(database: peewee.Database) -> Lampi:
    """Give a connected lamp that waits under `CODE`."""
    return waiting(LAMP, CODE)


def waiting(device_id: str, code: str) -> Lampi:
    batch = PresenceBatch()
    batch.add(device_id, True)
    batch.register(NOW)
    Lampi.update(association_code=code, short_code_length=SHORT_CODE_LENGTH).where(
        Lampi.device_id == device_id
    ).execute()
    return Lampi.named(device_id)
