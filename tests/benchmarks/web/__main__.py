"""`make bench-web`: compares the page with an empty Flask page under the same server.

python -m tests.benchmarks.web
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click

from cloud.db.timestamps import utc_now
from cloud.services import claiming
from tests.support.broker import listens
from tests.support.browsing import Client, RawStream, cookie_for
from tests.support.cloud import Cloud
from tests.support.loop import USER, made_cloud, opened_database
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.support.web import WebProcess
from tests.support.web_album import LAMP, MORE, make_lamps

PAGES = ("/sign-in", "/lamps", "/associate", f"/lamps/{LAMP}/yours", "/live/state")
ROUNDS = 300
BROWSERS = 50
REQUESTS_EACH = 40
IDLE_SECONDS = 10.0
_EMPTY = """\
import sys
from flask import Flask
from waitress import serve
app = Flask("empty")
app.get("/")(lambda: "")
serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=216)
"""


@contextmanager
def empty_page() -> Iterator[str]:
    """Give the address of a Flask page that does nothing."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _EMPTY, str(port)])
    wait_until(lambda: listens(port), "the empty page to listen")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def median_milliseconds(url: str, path: str, cookie: str) -> float:
    """Return how long a page takes, one request after the other."""
    client = Client(url, cookie)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        status, _ = client.get(path)
        times.append(time.perf_counter() - began)
        assert status == 200, f"{path}: {status}"
    return 1000 * statistics.median(times)


def crowd(url: str, path: str, cookie: str) -> tuple[float, float, int]:
    """Return the median of many browsers at once, in milliseconds, what was answered in a second, and the errors."""

    def browse(_number: int) -> tuple[list[float], int]:
        client, times, errors = Client(url, cookie), [], 0
        for _ in range(REQUESTS_EACH):
            began = time.perf_counter()
            errors += client.get(path)[0] != 200
            times.append(time.perf_counter() - began)
        return times, errors

    began = time.perf_counter()
    with ThreadPoolExecutor(BROWSERS) as browsers:
        answers = list(browsers.map(browse, range(BROWSERS)))
    seconds = time.perf_counter() - began
    times = [one for some, _ in answers for one in some]
    return 1000 * statistics.median(times), len(times) / seconds, sum(errors for _, errors in answers)


def streams(web: WebProcess, cloud: Cloud) -> None:
    """Say what fifty browsers cost that wait for a change."""
    before = _resident_kilobytes(web.pid)
    with opened_database(cloud):
        names = [claiming.add_user(f"reader{number}").name for number in range(BROWSERS)]
    waiting = [RawStream(web.url, cookie_for(cloud, name)) for name in names]
    more = _resident_kilobytes(web.pid) - before
    began = _processor_seconds(web.pid)
    time.sleep(IDLE_SECONDS)
    used = _processor_seconds(web.pid) - began
    click.echo(f"{BROWSERS} streams that wait: {100 * used / IDLE_SECONDS:.1f} % of a core, {more} KB more memory")
    click.echo(f"the program's memory: {_resident_kilobytes(web.pid) / 1024:.0f} MB")
    for stream in waiting:
        stream.close()


def _resident_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder, empty_page() as empty:
        cloud = made_cloud(Path(folder) / "cloud", free_port())
        make_lamps(cloud)
        with opened_database(cloud):
            for device_id in (LAMP, *MORE):
                claiming.associate_by_device_id(device_id, claiming.user_named(USER), utc_now())
        cookie = cookie_for(cloud)
        with WebProcess(cloud) as web:
            base = median_milliseconds(empty, "/", "")
            click.echo(f"an empty Flask page: {base:.2f} ms (median of {ROUNDS}, one after the other)")
            for path in PAGES:
                took = median_milliseconds(web.url, path, "" if path == "/sign-in" else cookie)
                click.echo(f"{path:<28} {took:6.2f} ms  {took / base:4.1f} times")
            base, rate, errors = crowd(empty, "/", "")
            click.echo(
                f"{BROWSERS} browsers at once, the empty page: {base:.1f} ms, {rate:.0f} a second, {errors} errors"
            )
            took, rate, errors = crowd(web.url, "/lamps", cookie)
            click.echo(f"{BROWSERS} browsers at once, /lamps: {took:.1f} ms, {rate:.0f} a second, {errors} errors")
            streams(web, cloud)


if __name__ == "__main__":
    main()
