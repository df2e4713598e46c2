"""The database is unavailable: the page says so, and recovers with the database."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from cloud.db.database import database_proxy, open_database
from cloud.db.schema import upgrade
from cloud.services.claiming import add_user
from cloud.store.lamps import User
from cloud.web.app import create_app
from cloud.web.settings import WebSettings
from tests.cloud.web.conftest import Clock
from tests.support.pages import Answer, Reader
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until


def says_away(answer: Answer) -> bool:
    assert "temporarily unavailable" not in answer.text or answer.headers["Retry-After"] == "5"
    return (answer.status, "Service temporarily unavailable" in answer.text) == (503, True)


def test_a_database_that_is_not_there_yet(tmp_path: Path, clock: Clock) -> None:
    url = f"sqlite:///{tmp_path}/later.db"
    reader = Reader(create_app(WebSettings(url), now=clock))
    assert says_away(reader.open("/sign-in"))
    assert says_away(reader.send_bare("/sign-in", {"name": "ada"}))
    assert reader.open("/static/page.css").status == 200
    for path in ("/api/v1/lamps", "/api/v1/nothing"):
        assert reader.open(path).headers["Content-Type"] == "application/problem+json"
    made = open_database(url, create=True)
    assert says_away(reader.open("/sign-in"))  # it is not migrated yet
    upgrade(made)
    made.close()
    assert reader.open("/sign-in").status == 200


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Give a PostgreSQL server of the test's own, to be ended."""
    with tempfile.TemporaryDirectory(prefix="lampi-postgres-") as folder:
        Path(folder).chmod(0o755)  # it runs as another user where we are root
        with Postgres(Path(folder) / "server") as running:
            yield running


@pytest.fixture
def on_server(server: Postgres, clock: Clock) -> Flask:
    url = server.make_database()
    upgrade(open_database(url))
    add_user("ada")
    database_proxy.close()
    return create_app(WebSettings(url), now=clock)


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back(server: Postgres, on_server: Flask) -> None:
    reader = Reader(on_server).be(User.get())
    assert reader.open("/lamps").status == 200
    server.kill()
    for path in ("/lamps", "/sign-in", "/", "/associate?code=b71e09", "/nothing"):
        assert says_away(reader.open(path)), path
    server.start()
    wait_until(lambda: reader.open("/lamps").status == 200, "the page to be back")
    assert reader.open("/lamps").status == 200
    database_proxy.close()
    database_proxy.close_idle()
