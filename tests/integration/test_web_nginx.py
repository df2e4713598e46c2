"""The page behind nginx with TLS, as it ships."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.auth import api_tokens
from cloud.daemon.presence import PresenceBatch
from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi
from tests.support.browsing import cookie_for
from tests.support.cloud import Cloud
from tests.support.loop import USER, opened_database
from tests.support.nginx import HOST, Nginx
from tests.support.waiting import wait_until
from tests.support.web import WebProcess

BROWSER = "127.0.0.2"
"""Another address than nginx has, as any browser's."""

LAMP = "b827ebba0387"
LIES = {
    "X-Forwarded-For": "203.0.113.66",
    "Forwarded": "for=203.0.113.66;proto=http;host=evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "203.0.113.66",
}


@pytest.fixture
def web(cloud: Cloud) -> Iterator[WebProcess]:
    with WebProcess(cloud, "--trusted-proxy", "127.0.0.1") as running:
        yield running


@pytest.fixture
def nginx(tmp_path: Path, web: WebProcess) -> Iterator[Nginx]:
    with Nginx(tmp_path / "nginx", web.port) as running:
        yield running


@pytest.fixture
def code(cloud: Cloud) -> str:
    """Have a lamp wait, and return its code."""
    with opened_database(cloud):
        batch = PresenceBatch()
        batch.add(LAMP, True)
        batch.register(utc_now())
        return str(Lampi.named(LAMP).association_code)


class Browser:
    """Speaks TLS with nginx, and believes only its certificate."""

    def __init__(self, nginx: Nginx, cookie: str = "") -> None:
        self._nginx = nginx
        self._trust = ssl.create_default_context(cafile=str(nginx.certificate))
        self._headers = {"Host": f"{HOST}:{nginx.port}", "Cookie": cookie, "Referer": f"https://{HOST}:{nginx.port}/"}

    def ask(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._nginx.port, context=self._trust, timeout=30, source_address=(BROWSER, 0)
        )
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, path, body or None, self._headers | form | (headers or {}))
        return connection.getresponse()

    def stream(self, seen: str) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", self._nginx.port), timeout=15)
        secure = self._trust.wrap_socket(raw, server_hostname=HOST)
        lines = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
        secure.sendall(f"GET /live?seen={seen} HTTP/1.1\r\n{lines}\r\n".encode())
        return secure


def secure_cookie(cloud: Cloud) -> str:
    return f"__Host-{cookie_for(cloud)}"


def test_the_installed_nginx_has_nothing_against_its_configuration(tmp_path: Path) -> None:
    said = Nginx(tmp_path / "nginx", 8000).check()
    assert "[warn]" not in said
    assert "test is successful" in said


def test_without_tls_one_is_sent_to_where_it_is(nginx: Nginx) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.plain_port, timeout=30)
    connection.request("GET", "/associate?code=b71e09", headers={"Host": HOST})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, f"https://{HOST}/associate?code=b71e09")


@pytest.mark.parametrize("host", ["evil.example", f"{HOST}.evil.example", "127.0.0.1", "[::1]"])
def test_requests_for_unknown_hosts_are_refused_and_not_redirected(nginx: Nginx, host: str) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", nginx.plain_port, timeout=30)
    plain.request("GET", "/associate?code=b71e09", headers={"Host": host})
    answer = plain.getresponse()
    assert (answer.status, answer.getheader("Location")) == (421, None)
    assert "nginx/" not in str(answer.getheader("Server"))
    for path in ("/sign-in", "/live", "/api/v1/lamps"):
        assert Browser(nginx).ask("GET", path, headers={"Host": host}).status == 421


def test_requests_for_the_page_are_answered_however_the_host_is_written(nginx: Nginx) -> None:
    for host in (HOST.upper(), f"{HOST}.", f"{HOST}:443"):
        plain = http.client.HTTPConnection("127.0.0.1", nginx.plain_port, timeout=30)
        plain.request("GET", "/", headers={"Host": host})
        assert plain.getresponse().getheader("Location") == f"https://{HOST}/"
        assert Browser(nginx).ask("GET", "/sign-in", headers={"Host": host}).status == 200


def test_the_page_knows_that_it_is_secure(nginx: Nginx) -> None:
    answer = Browser(nginx).ask("GET", "/sign-in", headers=LIES)
    assert answer.status == 200
    assert str(answer.getheader("Set-Cookie")).startswith("__Host-lampi=")
    assert "; Secure;" in str(answer.getheader("Set-Cookie"))
    assert answer.getheader("Strict-Transport-Security") == "max-age=31536000"
    assert "nginx/" not in str(answer.getheader("Server"))
    assert "evil" not in answer.read().decode()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_of_tls_are_refused(nginx: Nginx) -> None:
    old = ssl.create_default_context(cafile=str(nginx.certificate))
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with (
        pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"),
        socket.create_connection(("127.0.0.1", nginx.port)) as raw,
    ):
        old.wrap_socket(raw, server_hostname=HOST)


def test_guesses_are_counted_by_where_a_browser_is_and_not_by_what_it_says(
    nginx: Nginx, cloud: Cloud, code: str
) -> None:
    browser = Browser(nginx, secure_cookie(cloud))
    form = browser.ask("GET", "/associate")
    page = form.read().decode()
    cookie = str(form.getheader("Set-Cookie")).split(";")[0]
    token = page.rpartition('name="csrf_token"')[2].split('value="')[1].split('"')[0]
    wrong = "000000" if not code.startswith("000000") else "111111"
    sent = browser.ask("POST", "/associate", f"code={wrong}&csrf_token={token}", LIES | {"Cookie": cookie})
    assert sent.status == 422
    with opened_database(cloud):
        assert History.select().where(History.event == "refused").get().source == BROWSER


def test_without_a_trusted_proxy_forwarding_headers_are_ignored(cloud: Cloud, code: str) -> None:
    with WebProcess(cloud) as web:
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
        connection.request("GET", "/sign-in", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.66"})
        answer = connection.getresponse()
        assert str(answer.getheader("Set-Cookie")).startswith("lampi=")
        assert answer.getheader("Strict-Transport-Security") is None


@pytest.mark.parametrize(
    ("count", "header", "source"),
    [
        ("1", "203.0.113.66, ::ffff:192.0.2.7", "192.0.2.7"),
        ("1", "203.0.113.66, 192.0.2.7:4711", "192.0.2.7"),
        ("1", "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("2", "203.0.113.66, 192.0.2.7, 127.0.0.1", "192.0.2.7"),
        ("1", "unknown", "unknown"),
    ],
)
def test_visitors_are_distinguished_however_a_proxy_writes_their_addresses(
    cloud: Cloud, code: str, count: str, header: str, source: str
) -> None:
    """Else all of them share one limit for wrong codes."""
    with WebProcess(cloud, "--trusted-proxy", "127.0.0.1", "--proxy-count", count) as web:
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
        wrong = "000000" if not code.startswith("000000") else "111111"
        with opened_database(cloud):
            token = api_tokens.make_token(claiming.user_named(USER), "test", utc_now())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers |= {"X-Forwarded-For": header, "X-Forwarded-Proto": "https"}
        connection.request("POST", "/api/v1/lamps", f'{{"code": "{wrong}"}}', headers)
        assert connection.getresponse().status == 409
    with opened_database(cloud):
        assert History.select().where(History.event == "refused").get().source == source


def test_events_come_through_as_they_happen(nginx: Nginx, cloud: Cloud, code: str) -> None:
    cookie = secure_cookie(cloud)
    browser = Browser(nginx, cookie)
    seen = browser.ask("GET", "/live/state").read().decode()
    stream = browser.stream(seen)
    heard = b""
    while b"retry:" not in heard:
        heard += stream.recv(4096)
    with opened_database(cloud):
        claiming.associate_by_code(code, claiming.user_named(USER), utc_now())
    began = time.monotonic()
    while b"event: change" not in heard:
        heard += stream.recv(4096)
    assert time.monotonic() - began < 1
    stream.close()


def test_codes_are_in_no_log_even_when_the_page_is_away(nginx: Nginx, cloud: Cloud, web: WebProcess, code: str) -> None:
    browser = Browser(nginx)
    assert browser.ask("GET", f"/associate?code={code}").status == 302
    web.stop()
    away = browser.ask("GET", f"/associate?code={code}", headers={"Referer": f"https://{HOST}/associate?code={code}"})
    assert (away.status, away.getheader("Retry-After")) == (503, "5")
    assert away.getheader("Content-Type") == "text/html; charset=utf-8"
    assert b'<h1 class="centre">Service temporarily unavailable</h1>' in away.read()
    wait_until(lambda: nginx.logs().count("GET /associate") == 2, "nginx to log both")
    assert code[:6] not in nginx.logs()
    web.start()


def test_too_much_is_refused_before_it_reaches_the_page(nginx: Nginx) -> None:
    assert Browser(nginx).ask("POST", "/sign-in", "x" * 40_000).status == 413
