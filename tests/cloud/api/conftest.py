"""Fixtures with the API in a separate application, on real databases of both kinds."""

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import peewee
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from cloud.api.app import register_api
from cloud.auth.api_tokens import make_token
from cloud.daemon.presence import PresenceBatch
from cloud.db.timestamps import utc_now
from cloud.services import resets
from cloud.services.resets import LampReset
from cloud.store.lamps import Lampi, User
from cloud.store.reset_requests import ResetRequest

LAMP, OTHER_LAMP = "b827ebba0387", "b827ebba0388"
LAMPS = "/api/v1/lamps"
Ask = Callable[..., TestResponse]


@pytest.fixture
def app(database: peewee.Database) -> Flask:
    app = Flask("api")
    register_api(app)
    return app


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Serve the API over real HTTP; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=False)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lamp(database: peewee.Database) -> Lampi:
    """Give an unclaimed lamp."""
    return register(LAMP)


def register(device_id: str) -> Lampi:
    batch = PresenceBatch()
    batch.add(device_id, True)
    batch.register(utc_now())
    return Lampi.named(device_id)


def request_reset() -> None:
    """Request a reset at the claimed lamp."""
    now = utc_now()
    resets.answer({LAMP: None}, LampReset.AFTER_A_DAY, now)
    resets.answer({LAMP: ResetRequest.get_by_id(LAMP).ticket}, LampReset.AFTER_A_DAY, now)


def asking(client: FlaskClient, user: User) -> Ask:
    """Return what sends requests for a user: ``ask("POST", "/api/v1/lamps", json={...})``."""
    token = make_token(user, "test", utc_now())

    def ask(method: str, address: str, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return client.open(address, method=method, headers=headers, **more)

    return ask


@pytest.fixture
def ask(app: Flask, ada: User) -> Ask:
    """Give what sends requests for Ada."""
    return asking(app.test_client(), ada)


@pytest.fixture
def ask_for_bob(app: Flask, bob: User) -> Ask:
    return asking(app.test_client(), bob)


def problem(answer: TestResponse, status: int, kind: str = "", member: str | None = None) -> str:
    """Return the detail of an answer that must be this problem."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    document = answer.get_json(force=True)
    assert document["status"] == status
    assert document["type"] == (f"urn:lampi:problem:{kind}" if kind else "about:blank")
    assert document["title"]
    assert document.get("member") == member
    return str(document.get("detail"))
