"""Every request of the page and the API that names a lamp, taken from the application's routes, so that none is missed.

A new route that needs a body gets it here; a test fails until the owner's request succeeds.
"""

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from cloud.auth.api_tokens import make_token
from cloud.db.database import database_proxy
from cloud.store.lamps import User
from cloud.web.app import create_app
from cloud.web.settings import WebSettings
from tests.support.pages import Reader

API = "/api/"
SAFE = {"GET", "HEAD", "OPTIONS"}

_FORMS = {"/lamps/<device_id>": {"on": "true"}, "/lamps/<device_id>/rename": {"name": "Mine"}}
_JSON: dict[tuple[str, str], dict[str, object]] = {
    ("PATCH", "/api/v1/lamps/<device_id:device_id>"): {"name": "Mine"},
    ("PATCH", "/api/v1/lamps/<device_id:device_id>/state"): {"on": True},
}
_PARAMETER = re.compile(r"<[^>]*device_id>")
_TOKEN = re.compile(r'(name="csrf_token"[^>]*value=")[^"]+')


@dataclass(frozen=True)
class LampRequest:
    """A method and a route that has a device id."""

    method: str
    rule: str
    endpoint: str

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    def path(self, device_id: str) -> str:
        return _PARAMETER.sub(device_id, self.rule)

    @property
    def is_api(self) -> bool:
        return self.rule.startswith(API)


def lamp_requests() -> list[LampRequest]:
    """Return all requests that name a lamp, in the order of their routes."""
    rules = create_app(WebSettings("sqlite:///none")).url_map.iter_rules()
    return [
        LampRequest(method, rule.rule, rule.endpoint)
        for rule in sorted(rules, key=str)
        if "device_id" in rule.arguments
        for method in sorted((rule.methods or set()) - {"OPTIONS"})
    ]


class Client:
    """A browser and a program of one user, or of nobody who is known."""

    def __init__(self, app: Flask, user: User | None, *, is_forged: bool = False) -> None:
        """``is_forged``: another site sends the requests from the user's browser: it has the cookie and no token."""
        self._reader = Reader(app, "192.0.2.8")
        self._headers: dict[str, str] = {}
        self._form: dict[str, str] = {}
        if user is not None:
            self._reader.be(user)
        if is_forged:
            return
        if user is not None:
            self._headers["Authorization"] = f"Bearer {make_token(user, 'test', self._now())}"
            self._reader.open("/api/v1/lamps", headers=self._headers)  # the first use is noted
        self._form["csrf_token"] = self._reader.token_of("/lamps" if user else "/sign-in")

    def _now(self) -> Any:
        return self._reader.app.config["NOW"]()

    def send(self, request: LampRequest, device_id: str) -> TestResponse:
        """Send a request as the page or a program would; a stream is not read."""
        options: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": "192.0.2.8"}, "method": request.method}
        if request.is_api:
            options["headers"] = self._headers
            options["json"] = _JSON.get((request.method, request.rule))
        elif request.method not in SAFE:
            options["data"] = self._form | _FORMS.get(request.rule, {})
        return self._reader.client.open(request.path(device_id), **options)


def comparable(answer: TestResponse, device_id: str) -> tuple[int, list[tuple[str, str]], str]:
    """Return status, headers and body of an answer, without the device id that was asked for, cookies and tokens."""
    headers = [(name, value.replace(device_id, "LAMP")) for name, value in answer.headers if name != "Set-Cookie"]
    if answer.mimetype == "text/event-stream":
        answer.close()
        return answer.status_code, headers, "a stream"
    return answer.status_code, headers, _TOKEN.sub(r"\1", answer.text).replace(device_id, "LAMP")


def everything() -> dict[str, list[str]]:
    """Return all rows of all tables."""
    database = database_proxy.obj
    return {
        table: sorted(map(repr, database.execute_sql(f'SELECT * FROM "{table}"').fetchall()))  # noqa: S608
        for table in database.get_tables()
    }
