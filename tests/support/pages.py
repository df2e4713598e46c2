"""Reads the pages and submits their forms without a browser: Flask's test client, with the forms' tokens."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from cloud.auth import sessions
from cloud.store.lamps import User
from cloud.web.auth import current_time

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')
_TAG = re.compile(r"<[^>]+>")
_WITHIN_A_LINE = re.compile(r"</?bdi>")
HOME = "192.0.2.7"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """What came back; ``text`` is what a person reads of it, in single spaces."""

    status: int
    html: str
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return " ".join(unescape(_TAG.sub(" ", _WITHIN_A_LINE.sub("", self.html))).split())

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


class Reader:
    """One browser, at an address; ``languages`` is what its user reads, as in `Accept-Language`."""

    def __init__(self, app: Flask, address: str = HOME, *, https: bool = False, languages: str = "") -> None:
        self.app = app
        self.client = app.test_client()
        self._where: dict[str, Any] = {
            "environ_base": {"REMOTE_ADDR": address} | ({"HTTP_ACCEPT_LANGUAGE": languages} if languages else {}),
            "base_url": "https://lamps.example.com" if https else "http://localhost",
        }
        self.https = https

    def open(self, path: str, **options: Any) -> Answer:
        return self._answer(self.client.get(path, **self._where, **options))

    def send(self, path: str, fields: dict[str, str] | None = None, page: str | None = None, **options: Any) -> Answer:
        """Fill in the form on a page (on the same path, if not given) and send it."""
        return self.send_bare(path, {**self.fields(page or path), **(fields or {})}, **options)

    def fields(self, page: str) -> dict[str, str]:
        """Return the hidden fields of the form on a page."""
        form = self.open(page).html
        hidden = {"csrf_token": _TOKEN.findall(form)[-1]}
        return hidden | {"ticket": tickets[0]} if (tickets := _TICKET.findall(form)) else hidden

    def send_bare(self, path: str, fields: object = None, **options: Any) -> Answer:
        """Send something that no form of ours made."""
        if self.https:
            options.setdefault("headers", {"Referer": "https://lamps.example.com/"})
        return self._answer(self.client.post(path, data=fields, **self._where, **options))

    def sign_up(self, name: str = "ada", password: str = PASSWORD) -> Answer:
        return self.send("/sign-up", {"name": name, "password": password})

    def sign_in(self, name: str = "ada", password: str = PASSWORD) -> Answer:
        return self.send("/sign-in", {"name": name, "password": password})

    def be(self, user: User) -> "Reader":
        """Be signed in as a user, without the work of checking a password."""
        with self.app.test_request_context():
            token = sessions.begin(user, current_time())
        with self.client.session_transaction() as session:
            session["_user_id"] = token
        return self

    def token_of(self, page: str) -> str:
        return str(_TOKEN.findall(self.open(page).html)[-1])

    def ticket(self) -> str:
        return str(_TICKET.findall(self.open("/associate/this-lamp").html)[0])

    @staticmethod
    def _answer(response: TestResponse) -> Answer:
        return Answer(response.status_code, response.get_data(as_text=True), dict(response.headers))
