"""A storm of known lamps: what the daemon does when it hears of many that it knows, at once.

*At its start*: all are retained; from when the daemon has connected until a lamp that came up behind them all has
its code. *Live*: they say again at a steady rate that they are up, and among them, now and then, comes one that is new.
*Back*: the broker is started again; Mosquitto saves no states of bridges, so all of them are down until their bridges
are back, which here is at once: from the first packet until a new lamp behind them all has its code.
"""

import threading
import time
from itertools import chain, count, islice

from cloud.store import outbox
from tests.benchmarks.contenders import percentile
from tests.benchmarks.newcomers import EACH_SECONDS, waits
from tests.benchmarks.processes import peak_megabytes, resident_megabytes
from tests.benchmarks.stage import (
    PATIENCE_SECONDS,
    Stage,
    daemon,
    device_id,
    opened,
    presence,
    retain_mark,
    retain_presence,
    size_megabytes,
)
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire
from tests.support.broker import Ear, Mosquitto
from tests.support.loop import associated

ASKED_RATE, MOST_MEGABYTES, MOST_SECONDS = 30_000, 200, 2.0
_MARKERS = 1 << 36


def storm(stage: Stage, kind: str, lamps: int, seconds: float) -> list[Row]:
    """Measure a storm at the daemon's start, one after the broker's, and one that comes live for so many seconds."""
    part = f"storm of {lamps:,} known lamps, {kind}"
    url = stage.filled(kind, lamps)
    rows = []
    with stage.broker() as broker, opened(url):
        retain_presence(broker, range(lamps))
        retain_mark(broker)
        known = outbox.last_version()
        with daemon(stage, broker, url) as process:
            taken = _until_published(broker, time.monotonic())
            rows.append(_rate_row(part, "all retained, at the daemon's start", lamps, taken))
            written = f"{outbox.last_version() - known} messages"
            rows += _live(part, broker, lamps, seconds)
            broker.save()
            broker.stop()
            broker.start()
            rows.append(_rate_row(part, "all back, after the broker was restarted", lamps, _back(broker, lamps)))
            peak = peak_megabytes(process.pid)
            rows.append(_memory_row(part, peak))
            if kind == "sqlite":
                written += f"; the database has {size_megabytes(url):,.0f} MB"
            rows.append(Row(part, "enqueued by the storm at the start: the new lamps behind it", written))
            rows.append(Row(part, "the broker's memory after it", f"{resident_megabytes(broker.pid):,.0f} MB"))
    return rows


def _rate_row(part: str, what: str, lamps: int, taken: float) -> Row:
    rate = lamps / taken
    return Row(part, what, f"{rate:,.0f}/s", f"{taken:.1f} s", f">= {ASKED_RATE:,}/s", rate >= ASKED_RATE)


def _memory_row(part: str, peak: float) -> Row:
    return Row(
        part,
        "the daemon's memory at most (VmHWM)",
        f"{peak:.0f} MB",
        "",
        f"<= {MOST_MEGABYTES} MB",
        peak <= MOST_MEGABYTES,
    )


def _until_published(broker: Mosquitto, began: float) -> float:
    """Return the seconds from ``began`` until a lamp has its code that came up behind all that the broker retains.

    New lamps come up one after the other; those that do before the daemon listens are not heard, and the first
    that is heard is behind all that was retained when the daemon subscribed.
    """
    with Ear(broker.port, "devices/+/lamp/associated") as ear, Wire(broker.port, "markers") as wire:
        published = threading.Event()

        def come_up() -> None:
            for packet in presence(islice(count(_MARKERS + int(began * 1000)), 10_000)):
                wire.send(packet)
                if published.wait(EACH_SECONDS):
                    return

        markers = threading.Thread(target=come_up)
        markers.start()
        try:
            while ear.next(PATIENCE_SECONDS).retained:
                pass
            return time.monotonic() - began
        finally:
            published.set()
            markers.join()


def _back(broker: Mosquitto, lamps: int) -> float:
    """Return the seconds from the first bridge that is back until a new lamp behind them all has its code."""
    marker = 3 * _MARKERS
    packets = b"".join(presence(chain(range(lamps), [marker]), retain=True))  # the daemon may not be back yet, either
    with Ear(broker.port, associated(device_id(marker))) as ear, Wire(broker.port, "bridges") as wire:
        began = time.monotonic()
        wire.send(packets)
        ear.next(PATIENCE_SECONDS)
        return time.monotonic() - began


def _live(part: str, broker: Mosquitto, lamps: int, seconds: float) -> list[Row]:
    """Have known lamps come at the rate that is asked for, and a new one each tenth of a second."""
    rate = ASKED_RATE
    known = presence(number % lamps for number in range(int(rate * seconds)))
    stop = threading.Event()
    with (
        Ear(broker.port, "devices/+/lamp/associated") as ear,
        Wire(broker.port, "storm") as wire,
        Wire(broker.port, "new") as new,
    ):
        flood = threading.Thread(target=wire.pace, args=(known, rate, stop))
        flood.start()
        numbers = range(2 * _MARKERS, 2 * _MARKERS + int(seconds / EACH_SECONDS))
        delays = waits(ear, new, numbers, goes_on=flood.is_alive)
        stop.set()
        flood.join()
    worst = max(delays)
    beside = f"median {1000 * percentile(delays, 50):.0f} ms, of {len(delays)}"
    what = f"a new lamp's code while {rate:,} known ones come each second, at worst"
    return [Row(part, what, f"{1000 * worst:.0f} ms", beside, f"<= {MOST_SECONDS:.0f} s", worst <= MOST_SECONDS)]
