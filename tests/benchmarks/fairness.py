"""Fairness: what one lamp does to the others whose bridge goes up and down a thousand times a second.

New lamps come up one after the other, first without it and then beside it: how long each waits for its code. Beside
it, by how much the database with its log, and the daemon's own log, have grown.
"""

import threading
import time
from itertools import cycle, islice

from tests.benchmarks.contenders import percentile
from tests.benchmarks.growth import NEW
from tests.benchmarks.stage import PATIENCE_SECONDS, Stage, daemon, device_id, opened, presence, size_megabytes
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire
from tests.support.broker import Ear
from tests.support.loop import associated

FLAPS_A_SECOND = 1000
MOST_DELAY_SECONDS, MOST_MEGABYTES, MOST_LOG_BYTES = 1.0, 10.0, 10_000
_NEXT_SECONDS = 0.1


def fairness(stage: Stage, kind: str, seconds: float) -> list[Row]:
    """Measure for so many seconds."""
    part = f"fairness, {kind}"
    url = stage.database(kind)
    count = int(seconds / _NEXT_SECONDS)
    with stage.broker() as broker, opened(url), daemon(stage, broker, url) as process:
        with Ear(broker.port, "devices/+/lamp/associated") as ear, Wire(broker.port, "new") as wire:
            alone = _delays(ear, wire, range(NEW, NEW + count // 2))
            before, log = _size(kind, url), len(process.log())
            stop = threading.Event()
            flapping = cycle([presence([1])[0], presence([1], b"0")[0]])
            with Wire(broker.port, "flapping") as other:
                flaps = islice(flapping, int(2 * seconds * FLAPS_A_SECOND))
                thread = threading.Thread(target=other.pace, args=(flaps, FLAPS_A_SECOND, stop))
                thread.start()
                beside = _delays(ear, wire, range(2 * NEW, 2 * NEW + count))
                stop.set()
                thread.join()
            grown, said = _size(kind, url) - before, len(process.log()) - log - count * len(f"New lamp {device_id(0)}")
    worst = max(beside)
    shown = f"median {1000 * percentile(beside, 50):.0f} ms; without it at worst {1000 * max(alone):.0f} ms"
    rows = [
        Row(
            part,
            f"a new lamp's code beside a lamp that flaps {FLAPS_A_SECOND:,} times a second, at worst of {count}",
            f"{1000 * worst:.0f} ms",
            shown,
            f"<= {MOST_DELAY_SECONDS:.0f} s",
            worst <= MOST_DELAY_SECONDS,
        ),
    ]
    if kind == "sqlite":
        rows.append(
            Row(
                part,
                "growth of database and log meanwhile",
                f"{grown:.1f} MB",
                "",
                f"<= {MOST_MEGABYTES:.0f} MB",
                grown <= MOST_MEGABYTES,
            )
        )
    rows.append(
        Row(
            part,
            "said in the daemon's log about it",
            f"{said:,} characters",
            "its lines' times, for the new lamps",
            f"<= {MOST_LOG_BYTES:,}",
            said <= MOST_LOG_BYTES,
        )
    )
    return rows


def _delays(ear: Ear, wire: Wire, numbers: range) -> list[float]:
    delays = []
    pause = threading.Event()
    for number in numbers:
        sent = time.monotonic()
        wire.send(presence([number])[0])
        while ear.next(PATIENCE_SECONDS).topic != associated(device_id(number)):
            pass
        delays.append(time.monotonic() - sent)
        pause.wait(max(sent + _NEXT_SECONDS - time.monotonic(), 0))
    return delays


def _size(kind: str, url: str) -> float:
    return size_megabytes(url) if kind == "sqlite" else 0.0
