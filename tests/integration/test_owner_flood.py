"""One owner floods the API: the broker gets no more than the bound, and another owner's lamp answers meanwhile."""

import json
import threading
import time
from collections import Counter
from http.client import HTTPConnection

from cloud.db.timestamps import utc_now
from cloud.rate_limit.state_requests import BURST, REFILL
from cloud.services import claiming
from cloud.store.audit_log import History
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.lamp_service import LampService
from tests.support.loop import USER, Loop, opened_database
from tests.support.waiting import wait_until
from tests.support.web import WebProcess

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
LAMPS = "/api/v1/lamps"
THREADS = 4
REFUSALS = 200
CHANGES = 10
USUAL_SECONDS = 2.0
END = b"{}"


class Program:
    """A program with a user's token, on a connection of its own."""

    def __init__(self, web: WebProcess, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", web.port, timeout=15)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, members: object = None) -> int:
        body = None if members is None else json.dumps(members)
        self._connection.request(method, LAMPS + path, body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


class Flood:
    """Threads that send all that one owner can think of, as fast as they are answered, until told to stop."""

    def __init__(self, web: WebProcess, token: str) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(Program(web, token),)) for _ in range(THREADS)]

    def _send(self, program: Program) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            for method, path, members in (
                ("PATCH", f"/{LAMP}/state", {"brightness": number % 100 / 100}),
                ("DELETE", f"/{LAMP}/offer", None),
                ("DELETE", f"/{LAMP}/reset", None),
                ("POST", f"/{OTHER}/offer", None),
                ("PATCH", f"/{OTHER}/state", {"on": False}),
                ("DELETE", f"/{OTHER}/reset", None),
            ):
                self.answers[f"{method} {path}", program.send(method, path, members)] += 1

    def __enter__(self) -> "Flood":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_flood_of_one_owner_is_bounded_and_another_owner_s_lamp_answers(
    loop: Loop, cloud: Cloud, daemon: DaemonProcess
) -> None:
    cloud.command("user", "add", "bob")
    lamps = {LAMP: USER, OTHER: "bob"}
    for device_id in lamps:
        loop.new_lamp(device_id)
    for device_id, user in lamps.items():
        with opened_database(cloud):
            claiming.associate_by_device_id(device_id, claiming.user_named(user), utc_now())
    tokens = {user: cloud.command("user", "token", user).strip() for user in (USER, "bob")}
    set_config = f"devices/{LAMP}/lamp/set_config"
    with (
        LampService(loop.broker.port, f"devices/{LAMP}/"),
        LampService(loop.broker.port, f"devices/{OTHER}/") as service,
        WebProcess(cloud) as web,
        loop.broker.hear(set_config) as ear,
    ):
        other = Program(web, tokens["bob"])
        assert other.send("GET", f"/{OTHER}/state") == 200
        began = time.monotonic()
        with Flood(web, tokens[USER]) as flood:
            refused = f"PATCH /{LAMP}/state", 429
            wait_until(lambda: flood.answers[refused], "the flood to be refused")
            for number in range(CHANGES):
                changed = time.monotonic()
                assert other.send("PATCH", f"/{OTHER}/state", {"brightness": number / 100}) == 202
                wait_until(lambda number=number: len(service.requests) > number, "the other lamp to be asked")  # type: ignore[misc]
                assert time.monotonic() - changed < USUAL_SECONDS
            wait_until(lambda: flood.answers[refused] >= REFUSALS, "the flood to go on", 60)
        most = BURST + (time.monotonic() - began) / REFILL.total_seconds() + 1
        loop.settled()
        loop.broker.publish(set_config, END, qos=2)
        asked = 0
        while ear.next().payload != END:
            asked += 1
    accepted = flood.answers[f"PATCH /{LAMP}/state", 202]
    assert 0 < asked <= accepted <= most
    assert {status for (what, status) in flood.answers if OTHER in what} == {404}
    assert {status for (what, status) in flood.answers if LAMP in what} == {202, 204, 409, 429}
    with opened_database(cloud):
        assert {row.event for row in History.select()} == {"user added", "associated"}
