"""A crowd that signs in: the page stays open for others, and its memory is bounded."""

import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.browsing import Client, cookie_for
from tests.support.cloud import Cloud
from tests.support.loop import USER
from tests.support.pages import PASSWORD
from tests.support.web import WebProcess

CROWD = 150
ROUNDS = 2
MOST_GROWTH_KB = 80_000
ROTATING = 40
MOST_OF_THE_WAIT = 0.025
"""A page takes a hundredth of the time of all sign-ins; four hundredths if passwords are checked in the threads of
requests, or with a database connection each. Both times grow on a busy machine."""


def peak_kb(pid: int) -> int:
    """Return the most memory that a process has had, in KB."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(peak)


def test_a_crowd_with_wrong_passwords_leaves_the_page_open_and_its_memory_bounded(cloud: Cloud) -> None:
    """From networks of their own each, since the limits on an address would refuse them without a check."""
    with WebProcess(cloud, "--trusted-proxy", "127.0.0.1") as web:
        other = Client(web.url, cookie_for(cloud), "192.0.2.1")
        assert other.get("/associate")[0] == 200
        before = peak_kb(web.pid)
        with ThreadPoolExecutor(CROWD) as crowd:
            for number in range(ROUNDS):
                attempts = [
                    crowd.submit(Client(web.url, address=f"10.{number}.{each}.1").sign_in, f"u{each}", "wrong horse 1")
                    for each in range(CROWD)
                ]
                seen = {other.get("/associate")[0] for _ in range(20)}
                statuses = {attempt.result() for attempt in attempts}
                assert seen == {200}
                assert statuses <= {422, 503}
                assert 422 in statuses
        assert peak_kb(web.pid) - before <= MOST_GROWTH_KB
        assert "Database error" not in web.log()


def test_thirty_sign_ins_one_after_the_other_leave_the_memory_bounded(cloud: Cloud) -> None:
    cloud.command("user", "password", USER, given=f"{PASSWORD}\n")
    with WebProcess(cloud) as web:
        assert Client(web.url).get("/sign-in")[0] == 200
        before = peak_kb(web.pid)
        assert {Client(web.url).sign_in(USER, PASSWORD) for _ in range(30)} == {302}
        assert peak_kb(web.pid) - before <= MOST_GROWTH_KB


def test_forty_sign_ins_with_unknown_names_from_rotating_networks_leave_the_page_to_others(cloud: Cloud) -> None:
    """Each network is a /48 of its own, so that no limit refuses an attempt before its password is checked."""
    with WebProcess(cloud, "--trusted-proxy", "127.0.0.1") as web:
        other = Client(web.url, cookie_for(cloud), "192.0.2.1")
        median_seconds(other, 1)
        with ThreadPoolExecutor(ROTATING) as crowd:
            began = time.perf_counter()
            attempts = [
                crowd.submit(Client(web.url, address=f"2001:db8:{number:x}::1").sign_in, f"u{number}", "wrong horse 1")
                for number in range(ROTATING)
            ]
            meanwhile = median_seconds(other, 10)
            under_way = sum(not attempt.done() for attempt in attempts)
            statuses = {attempt.result() for attempt in attempts}
            whole = time.perf_counter() - began
        assert statuses == {422}
        assert under_way > 0
        assert meanwhile <= MOST_OF_THE_WAIT * whole


def median_seconds(client: Client, requests: int) -> float:
    """Return the median time that a page takes, and check that each request succeeds."""
    seconds = []
    for _ in range(requests):
        began = time.perf_counter()
        assert client.get("/associate")[0] == 200
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
