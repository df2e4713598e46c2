"""Fairness: the effect of one lamp whose bridge connects and disconnects a thousand times a second on the others.

New lamps connect one after the other, first without it and then with it: how long each waits for its code. Also the
growth of the database with its log, and of the daemon's log.
"""

import contextlib
import threading
from collections.abc import Iterator
from itertools import cycle, islice

from tests.benchmarks.contenders import percentile
from tests.benchmarks.growth import NEW
from tests.benchmarks.newcomers import EACH_SECONDS, waits
from tests.benchmarks.stage import Stage, daemon, opened, presence, size_megabytes
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire
from tests.support.broker import Ear, Mosquitto
from tests.support.cloud import DaemonProcess

FLAPS_A_SECOND = 1000
MOST_DELAY_SECONDS, MOST_MEGABYTES, MOST_LINES = 1.0, 10.0, 10


def fairness(stage: Stage, kind: str, seconds: float) -> list[Row]:
    """Measure for so many seconds."""
    part = f"fairness, {kind}"
    url = stage.database(kind)
    count = int(seconds / EACH_SECONDS)
    with (
        stage.broker() as broker,
        opened(url),
        daemon(stage, broker, url) as process,
        Ear(broker.port, "devices/+/lamp/associated") as ear,
        Wire(broker.port, "new") as wire,
    ):
        alone = waits(ear, wire, range(NEW, NEW + count // 2))
        before, said_before = _size(kind, url), _lines(process)
        with _flapping(broker, int(2 * seconds * FLAPS_A_SECOND)):
            beside = waits(ear, wire, range(2 * NEW, 2 * NEW + count))
        grown, said = _size(kind, url) - before, _lines(process) - said_before
    worst = max(beside)
    shown = f"median {1000 * percentile(beside, 50):.0f} ms; without it at worst {1000 * max(alone):.0f} ms"
    what = f"a new lamp's code beside one that flaps {FLAPS_A_SECOND:,} times a second, at worst of {count}"
    asked = f"<= {MOST_DELAY_SECONDS:.0f} s"
    rows = [Row(part, what, f"{1000 * worst:.0f} ms", shown, asked, worst <= MOST_DELAY_SECONDS)]
    if kind == "sqlite":
        fits = grown <= MOST_MEGABYTES
        what = "growth of the database and its log meanwhile"
        rows.append(Row(part, what, f"{grown:.1f} MB", "", f"<= {MOST_MEGABYTES:.0f} MB", fits))
    return [
        *rows,
        Row(part, "lines about it in the daemon's log", str(said), "", f"<= {MOST_LINES}", said <= MOST_LINES),
    ]


@contextlib.contextmanager
def _flapping(broker: Mosquitto, times: int) -> Iterator[None]:
    stop = threading.Event()
    flaps = islice(cycle([presence([1])[0], presence([1], b"0")[0]]), times)
    with Wire(broker.port, "flapping") as wire:
        bridge = threading.Thread(target=wire.pace, args=(flaps, FLAPS_A_SECOND, stop))
        bridge.start()
        try:
            yield
        finally:
            stop.set()
            bridge.join()


def _lines(process: DaemonProcess) -> int:
    return sum("New lamp" not in line for line in process.log().splitlines())


def _size(kind: str, url: str) -> float:
    return size_megabytes(url) if kind == "sqlite" else 0.0
