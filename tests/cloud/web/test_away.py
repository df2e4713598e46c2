"""The database is unavailable: the page says so, and recovers with the database."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from cloud.db.database import database_proxy, open_database
from cloud.db.schema import upgrade
from cloud.db.url import sqlite_file
from cloud.services.claiming import add_user
from cloud.store.lamps import User
from cloud.web.app import create_app
from cloud.web.settings import WebSettings
from tests.cloud.web.conftest import Clock
from tests.support.pages import Answer, Reader
from tests.support.postgres import Postgres, running_server
from tests.support.proxy import TcpProxy
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


def test_a_page_writes_to_the_file_that_is_there_now(
    reader: Reader, database_url: str, migrated: Path, tmp_path: Path
) -> None:
    """The pool's connections to a file that was replaced would go on in that file, which has no name any more."""
    file = sqlite_file(database_url)
    assert file is not None
    assert reader.sign_up("ada").status == 302
    shutil.copy(migrated, tmp_path / "other.db")
    for each in list(file.parent.glob(f"{file.name}*")):  # with the files that SQLite keeps beside it
        each.rename(each.with_name(f"away-{each.name}"))
    (tmp_path / "other.db").rename(file)
    Reader(reader.app).sign_up("grace")
    with closing(sqlite3.connect(file)) as there:
        assert there.execute("SELECT name FROM lampi_user").fetchall() == [("grace",)]


CONNECT_SECONDS = 2
"""The shortest time-out that libpq has."""


@pytest.mark.parametrize("was_open", [False, True])
def test_a_server_that_says_nothing_holds_up_all_requests_once(
    postgres: Postgres, clock: Clock, was_open: bool
) -> None:
    """They connect one after the other: four would get their answers after one, two, three and four times."""
    proxy = TcpProxy(postgres.port).start()
    url = postgres.make_migrated_database().replace(f":{postgres.port}/", f":{proxy.port}/")
    app = create_app(WebSettings(f"{url}?connect_timeout={CONNECT_SECONDS}"), now=clock)
    if was_open:
        assert Reader(app).open("/sign-in").status == 200
        database_proxy.close_idle()
    proxy.stall()
    waited: list[float] = []

    def ask() -> None:
        began = time.monotonic()
        if says_away(Reader(app).open("/sign-in")):
            waited.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    proxy.stop()
    assert len(waited) == 4
    assert max(waited) < 2 * CONNECT_SECONDS


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Give a PostgreSQL server of the test's own, to be ended."""
    with running_server() as running:
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
