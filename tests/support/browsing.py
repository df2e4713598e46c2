"""Simple HTTP browsers: requests with a session cookie, forms, and event streams."""

import http.client
import re
import socket
import time
from urllib.parse import urlencode, urlsplit

from cloud.auth import sessions
from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.web.app import create_app
from cloud.web.settings import WebSettings
from tests.support.cloud import Cloud
from tests.support.loop import USER, opened_database

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')


def cookie_for(cloud: Cloud, user: str = USER) -> str:
    """Return the cookie of a browser in which a user is signed in."""
    with opened_database(cloud):
        token = sessions.begin(claiming.user_named(user), utc_now())
        app = create_app(WebSettings(cloud.database_url))
        with app.test_request_context():
            serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
            return f"lampi={serializer.dumps({'_user_id': token})}"


class Client:
    """One connection of one browser."""

    def __init__(self, url: str, cookie: str = "", address: str | None = None) -> None:
        """Connect; ``address`` is what a proxy would report."""
        where = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
        self._cookies = dict([cookie.split("=", 1)]) if cookie else {}
        self._address = {"X-Forwarded-For": address} if address else {}

    def get(self, path: str) -> tuple[int, str]:
        self._connection.request("GET", path, headers=self._headers())
        return self._answer()

    def post(self, path: str, **fields: str) -> int:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", path, urlencode(fields), headers=self._headers() | form)
        return self._answer()[0]

    def token(self, path: str) -> str:
        """Return the token of the form on a page."""
        _, page = self.get(path)
        return str(_TOKEN.findall(page)[-1])

    def sign_in(self, name: str, password: str) -> int:
        """Fill in the form; return the answer's status."""
        return self.post("/sign-in", name=name, password=password, csrf_token=self.token("/sign-in"))

    def find(self, code: str) -> dict[str, str]:
        """Enter a code; return what the form has that asks whether it is this lamp."""
        assert self.post("/associate", code=code, csrf_token=self.token("/associate")) == 302
        _, page = self.get("/associate/this-lamp")
        return {"csrf_token": _TOKEN.findall(page)[-1], "ticket": _TICKET.findall(page)[0]}

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(map("=".join, self._cookies.items()))} | self._address

    def _answer(self) -> tuple[int, str]:
        answer = self._connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, answer.read().decode()


class RawStream:
    """A stream of events on a socket."""

    def __init__(self, url: str, cookie: str, seen: str = "") -> None:
        where = urlsplit(url)
        self._socket = socket.create_connection((str(where.hostname), where.port), timeout=15)
        head = f"GET /live?seen={seen} HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {cookie}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._heard = b""
        self.read_until(b"HTTP/1.1 200", b"HTTP/1.1 503")
        self.read_until(b"retry:")

    def read_until(self, what: bytes, instead: bytes = b"\0") -> float:
        """Read until something comes, and not another thing instead; return how many seconds it took."""
        began = time.monotonic()
        while what not in self._heard:
            assert instead not in self._heard, f"not {what!r}: {self._heard!r}"
            came = self._socket.recv(4096)
            assert came, f"the stream ended before {what!r}: {self._heard!r}"
            self._heard += came
        self._heard = self._heard.partition(what)[2]
        return time.monotonic() - began

    def ends(self) -> bool:
        """Tell whether the server ends it, within the time for an answer."""
        while self._socket.recv(4096):
            pass
        return True

    def close(self) -> None:
        self._socket.close()
