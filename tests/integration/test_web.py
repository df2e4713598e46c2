"""The page as a program: its server, its streams, many browsers at once, and supervisord."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloud.ops.deploy import package_files
from cloud.store.lamps import Lampi
from cloud.web.live import MOST_STREAMS_OF_ONE
from tests.support.broker import listens
from tests.support.browsing import Client, RawStream, cookie_for
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import ASSOCIATED, USER, Loop, opened_database, wait_for_state
from tests.support.ports import free_port
from tests.support.supervisor import Supervisor
from tests.support.waiting import DEADLINE_SECONDS, wait_until
from tests.support.web import WebProcess

LAMP = "b827ebba0387"
BROWSERS = 50
REQUESTS_EACH = 10


@pytest.fixture
def web(cloud: Cloud) -> Iterator[WebProcess]:
    with WebProcess(cloud) as running:
        yield running


def test_a_browser_shows_that_its_lamp_is_up_to_date(loop: Loop, cloud: Cloud, web: WebProcess) -> None:
    code = loop.new_lamp(LAMP)
    client = Client(web.url, cookie_for(cloud))
    assert client.post("/associate/this-lamp", **client.find(code[:6])) == 302
    wait_until(lambda: loop.next().payload == ASSOCIATED, "the lamp to be published")  # first it lights up
    wait_until(
        lambda: "Your lamp is up to date." in client.get(f"/lamps/{LAMP}/yours")[1], "the page to say that it knows"
    )


def test_an_association_while_the_daemon_is_down_is_published_later(
    loop: Loop, cloud: Cloud, daemon: DaemonProcess, web: WebProcess
) -> None:
    code = loop.new_lamp(LAMP)
    loop.up(LAMP, retain=True)  # as a lamp does that is still there when the daemon is back
    daemon.stop()
    client = Client(web.url, cookie_for(cloud))
    client.post("/associate/this-lamp", **client.find(code[:6]))
    assert "The lamp service is unavailable. Your lamp's screen updates" in client.get(f"/lamps/{LAMP}/yours")[1]
    daemon.start()
    wait_for_state(loop.broker, LAMP, ASSOCIATED)
    wait_until(
        lambda: "Your lamp is up to date." in client.get(f"/lamps/{LAMP}/yours")[1], "the page to say that it knows"
    )


def test_a_stream_reports_a_lamp_that_connects_or_disconnects_within_a_second(
    loop: Loop, cloud: Cloud, web: WebProcess
) -> None:
    code = loop.new_lamp(LAMP)
    cloud.command("associate", code[:6], "--user", USER)
    loop.next()
    cookie = cookie_for(cloud)
    _, seen = Client(web.url, cookie).get("/live/state")
    stream = RawStream(web.url, cookie, seen)
    for payload in (b"0", b"1"):
        loop.up(LAMP, payload)
        assert stream.read_until(b"event: change") < 1
    stream.close()


def test_threads_of_browsers_that_left_are_free_again(cloud: Cloud, web: WebProcess) -> None:
    cookie = cookie_for(cloud)

    def opened() -> RawStream | None:
        try:
            return RawStream(web.url, cookie)
        except AssertionError:
            return None

    for _ in range(3):
        streams = [wait_until(opened, "a stream to be free") for _ in range(MOST_STREAMS_OF_ONE)]
        assert opened() is None
        for stream in streams:
            if stream is not None:
                stream.close()


def test_term_ends_it_within_seconds_though_browsers_wait(cloud: Cloud, web: WebProcess) -> None:
    cookie = cookie_for(cloud)
    streams = [RawStream(web.url, cookie) for _ in range(5)]
    began = time.monotonic()
    assert web.stop() == 0
    assert time.monotonic() - began < 5
    assert all(stream.ends() for stream in streams)
    assert "Server stopped" in web.log()
    assert "Traceback" not in web.log()


def test_a_body_that_is_far_too_large_is_not_even_received(web: WebProcess) -> None:
    with socket.create_connection(("127.0.0.1", web.port), DEADLINE_SECONDS) as connection:
        connection.sendall(b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_place_that_is_taken_is_one_line(cloud: Cloud, web: WebProcess) -> None:
    port = web.url.rpartition(":")[2]
    said = cloud.command("web", "--port", port, status=1)
    assert said == f"Error: Can't listen on 127.0.0.1, port {port}: Address already in use.\n"


def test_faulty_settings_are_reported_together(cloud: Cloud) -> None:
    said = cloud.command("web", "--sign-up", "maybe", "--trusted-proxy", "nginx", "--log-level", "loud", status=2)
    assert [line.split(":")[1].strip() for line in said.splitlines()] == [
        "LAMPI_LOG_LEVEL",
        "LAMPI_SIGN_UP",
        "LAMPI_TRUSTED_PROXY",
    ]


def test_fifty_browsers_at_once(loop: Loop, cloud: Cloud, web: WebProcess) -> None:
    cookies = [cookie_for(cloud)] * BROWSERS
    all_there = threading.Barrier(BROWSERS)

    def browse(number: int) -> list[int]:
        client = Client(web.url, cookies[number])
        stream = RawStream(web.url, cookies[number]) if number < 8 else None
        all_there.wait(30)
        statuses = [client.get(("/lamps", "/associate", "/live/state")[at % 3])[0] for at in range(REQUESTS_EACH)]
        if stream is not None:
            stream.close()
        return statuses

    with ThreadPoolExecutor(BROWSERS) as browsers:
        statuses = [status for answers in browsers.map(browse, range(BROWSERS)) for status in answers]
    assert statuses == [200] * BROWSERS * REQUESTS_EACH
    assert "ERROR" not in web.log()


def test_fifty_people_with_one_code_get_one_lamp(loop: Loop, cloud: Cloud, web: WebProcess) -> None:
    code = loop.new_lamp(LAMP)
    cookie = cookie_for(cloud)
    all_there = threading.Barrier(BROWSERS)

    def associate(_number: int) -> int:
        client = Client(web.url, cookie)
        form = client.find(code)
        all_there.wait(60)
        return client.post("/associate/this-lamp", **form)

    with ThreadPoolExecutor(BROWSERS) as browsers:
        assert set(browsers.map(associate, range(BROWSERS))) == {302}
    said = cloud.command("history", LAMP)
    assert said.count("associated") == 1
    with opened_database(cloud):
        assert Lampi.named(LAMP).user.name == USER


def test_under_supervisord_it_runs_and_is_back_when_killed(cloud: Cloud, tmp_path: Path) -> None:
    port = free_port()
    values = {"--port 8000": f"--port {port}"}
    with Supervisor(tmp_path / "supervisor", cloud, package_files.WEB_PROGRAM, values) as supervisor:
        supervisor.wait_to_say(f"Listening on http://127.0.0.1:{port}")
        os.kill(supervisor.pid(), signal.SIGKILL)
        supervisor.wait_to_say("Listening on http", times=2)
        assert Client(f"http://127.0.0.1:{port}").get("/sign-in")[0] == 200
        supervisor.control("stop", "lampi-web")
        assert not listens(port)
        assert "Server stopped" in supervisor.log()
