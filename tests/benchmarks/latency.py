"""From the commit of an association until the lamp, behind a real bridge, receives it.

Beside it a bare `mosquitto_pub` with the same message through the same bridge, from the start of that process; the two
take turns, at random moments. Idle, and while new lamps connect at a steady rate.
"""

import contextlib
import random
import subprocess
import threading
import time
from collections.abc import Iterator

from cloud.db.timestamps import utc_now
from cloud.services.claiming import add_user, associate_by_device_id, release, user_named
from tests.benchmarks.contenders import percentile
from tests.benchmarks.growth import NEW
from tests.benchmarks.stage import PATIENCE_SECONDS, Stage, daemon, opened, presence
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire
from tests.support.bridge import CloudBroker, lamp_broker
from tests.support.broker import Ear
from tests.support.loop import ASSOCIATED, associated

LAMP = "b827ebba0387"
MOST_TIMES, LAMPS_A_SECOND = 3.0, 1000


def latency(stage: Stage, kind: str, times: int) -> list[Row]:
    """Measure so many associations, idle and under load."""
    url = stage.database(kind)
    broker = CloudBroker(stage.new_folder())
    at_lamp = lamp_broker(stage.new_folder(), LAMP, broker)
    rows = []
    with opened(url), broker, daemon(stage, broker, url), at_lamp, Ear(at_lamp.port, associated(LAMP)) as ear:
        ear.next(PATIENCE_SECONDS)  # its code
        add_user("ada")
        rows += _rows(f"latency, {kind}", "idle", *_taken(broker, ear, times))
        with _arriving(broker):
            rows += _rows(f"latency, {kind}", f"{LAMPS_A_SECOND:,} new lamps a second", *_taken(broker, ear, times))
    return rows


def _taken(broker: CloudBroker, ear: Ear, times: int) -> tuple[list[float], list[float]]:
    ada = user_named("ada")
    ours, bare = [], []
    pause = threading.Event()
    for _ in range(times):
        pause.wait(random.uniform(0.05, 0.15))
        associate_by_device_id(LAMP, ada, utc_now(), "benchmark")
        committed = time.monotonic()
        _hear(ear, ASSOCIATED)
        ours.append(time.monotonic() - committed)
        release(LAMP, utc_now(), "benchmark")
        ear.next(PATIENCE_SECONDS)
        pause.wait(random.uniform(0.05, 0.15))
        command = [
            "mosquitto_pub",
            "-p",
            str(broker.port),
            "-q",
            "2",
            "-t",
            associated(LAMP),
            "-m",
            ASSOCIATED.decode(),
        ]
        began = time.monotonic()
        with subprocess.Popen(command):
            _hear(ear, ASSOCIATED)
            bare.append(time.monotonic() - began)
    return ours, bare


def _hear(ear: Ear, payload: bytes) -> None:
    while ear.next(PATIENCE_SECONDS).payload != payload:
        pass


@contextlib.contextmanager
def _arriving(broker: CloudBroker) -> Iterator[None]:
    stop = threading.Event()

    def arrive() -> None:
        with Wire(broker.port, "bridges") as wire:
            first = NEW
            while not stop.is_set():
                wire.pace(presence(range(first, first + LAMPS_A_SECOND)), LAMPS_A_SECOND, stop)
                first += LAMPS_A_SECOND

    bridges = threading.Thread(target=arrive)
    bridges.start()
    try:
        yield
    finally:
        stop.set()
        bridges.join()


def _rows(part: str, scene: str, ours: list[float], bare: list[float]) -> list[Row]:
    rows = []
    for name, percent in (("median", 50), ("99th percentile", 99)):
        one, other = percentile(ours, percent), percentile(bare, percent)
        beside = f"mosquitto_pub {1000 * other:.1f} ms, ratio {one / other:.2f}"
        reached = one / other <= MOST_TIMES
        asked = f"ratio <= {MOST_TIMES:.0f}"
        rows.append(Row(part, f"{scene}, {name} of {len(ours)}", f"{1000 * one:.1f} ms", beside, asked, reached))
    return rows
