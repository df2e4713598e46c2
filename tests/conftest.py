"""Fixtures for all tests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cloud.db.database import connect_database
from cloud.db.schema import upgrade
from tests.support.attempts import Attempts, pytest_terminal_summary  # noqa: F401 - pytest finds it by its name
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.log_scan import nothing_secret_is_logged  # noqa: F401 - pytest finds it by its name
from tests.support.postgres import Postgres, running_server
from tests.support.screen import VirtualScreen

# No deadline: the machine's speed is not under test. No database: a failure's example is printed, the tree stays clean.
settings.register_profile("full", deadline=None, database=None, max_examples=200, print_blob=True)
settings.register_profile("quick", deadline=None, database=None, max_examples=20, print_blob=True)
settings.load_profile("full")  # `--hypothesis-profile` comes later

SERVER_FIXTURES = {"broker", "postgres", "postgres_server"}
SERVER_FOLDERS = {"benchmarks", "fuzz", "integration", "security", "soak"}
SERVER_CLASSES = {Mosquitto, VirtualScreen}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests whose fixtures, imports or folders need a server or a display; `make quick` runs the others."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        fixtures = set(getattr(item, "fixturenames", ()))
        module = item.getparent(pytest.Module)
        imported = {value for value in vars(module.obj).values() if isinstance(value, type)} if module else set()
        by_name = folder in SERVER_FOLDERS or fixtures & SERVER_FIXTURES or "postgresql" in values
        if by_name or imported & SERVER_CLASSES:
            item.add_marker("server")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Give a running Mosquitto of the test's own."""
    with Mosquitto(tmp_path / "broker") as mosquitto:
        yield mosquitto


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file of this release: to copy it takes a tenth of making another."""
    file = tmp_path_factory.mktemp("migrated") / "lampi.db"
    made = connect_database(f"sqlite:///{file}", create=True)
    upgrade(made)
    made.close()
    return file


@pytest.fixture
def cloud(tmp_path: Path, broker: Mosquitto, migrated: Path) -> Cloud:
    """Give a cloud on the test's broker, with an empty database of this release."""
    made = Cloud(tmp_path / "cloud", broker.port)
    shutil.copy(migrated, made.folder / "lampi.db")
    return made


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Give a running PostgreSQL server."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[Postgres]:
    """Give the server to one test, which makes databases of its own on it."""
    yield postgres_server
    postgres_server.drop_databases()


@pytest.fixture
def attempt(record_property: Callable[[str, object], None]) -> Attempts:
    """Give the table of what was tried and refused, which the test run prints at its end."""
    return Attempts(record_property)
