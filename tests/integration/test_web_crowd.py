"""A crowd that signs in: the page stays open for others, and its memory is bounded."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.browsing import Client, cookie_for
from tests.support.cloud import Cloud
from tests.support.web import WebProcess

CROWD = 150
ROUNDS = 2
MOST_GROWTH_KB = 80_000


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
