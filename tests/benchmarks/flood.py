"""Flood: one lamp toggles its bridge's state as fast as it can. The effect on the others, and when it ends.

New lamps connect one after the other, and a known one is associated and released meanwhile: how long the code and the
association take. The flood is one buffer of packets, sent again and again, with MQTT 3.1.1 and with the shorter
packets of a topic alias of MQTT 5.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

from cloud.db.timestamps import utc_now
from cloud.services.claiming import add_user, associate_by_device_id, release, user_named
from tests.benchmarks.contenders import percentile
from tests.benchmarks.growth import NEW
from tests.benchmarks.newcomers import EACH_SECONDS, waits
from tests.benchmarks.stage import PATIENCE_SECONDS, Stage, daemon, device_id, opened, presence
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire, aliased_packets
from tests.support.broker import Ear, Mosquitto
from tests.support.loop import ASSOCIATED, associated

MOST_SECONDS = 2.0
FLOODING, KNOWN = 1, 2
PACKETS_A_BUFFER = 2000


def flood(stage: Stage, kind: str, seconds: float) -> list[Row]:
    """Measure a flood of so many seconds with each version of MQTT."""
    return [row for level in (4, 5) for row in _beside(stage, kind, level, seconds)]


def _beside(stage: Stage, kind: str, level: int, seconds: float) -> list[Row]:
    part = f"flood by one lamp over MQTT {'3.1.1' if level == 4 else '5'}, {kind}"
    url = stage.database(kind)
    with (
        stage.broker() as broker,
        opened(url),
        daemon(stage, broker, url),
        Ear(broker.port, "devices/+/lamp/associated") as ear,
        Wire(broker.port, "new") as wire,
    ):
        add_user("ada")
        alone = waits(ear, wire, [KNOWN, *range(NEW, NEW + 10)])
        sent: list[float] = []
        codes: list[float] = []
        associations: list[float] = []
        with flooding(broker, level, seconds, sent) as bridge:
            number = 2 * NEW
            while bridge.is_alive():
                codes += waits(ear, wire, [number])
                number += 1
                associations.append(_associated(ear))
                threading.Event().wait(EACH_SECONDS)
        after = max(waits(ear, wire, [3 * NEW]))
    rows = [Row(part, "messages that the broker took from it", f"{sent[0]:,.0f}/s")]
    for what, delays in (("a new lamp's code", codes), ("an association", associations)):
        worst = max(delays)
        shown = f"median {1000 * percentile(delays, 50):.0f} ms, of {len(delays)}"
        rows.append(Row(part, f"{what}, at worst", f"{1000 * worst:.0f} ms", shown, "<= 2 s", worst <= MOST_SECONDS))
    shown = f"without it at worst {1000 * max(alone):.0f} ms"
    return [*rows, Row(part, "a new lamp's code at the end of it", f"{1000 * after:.0f} ms", shown)]


def _associated(ear: Ear) -> float:
    """Associate a lamp; return the seconds until the broker publishes it. The lamp is released again."""
    began = time.monotonic()
    associate_by_device_id(device_id(KNOWN), user_named("ada"), utc_now(), "benchmark")
    while (heard := ear.next(PATIENCE_SECONDS)).topic != associated(device_id(KNOWN)) or heard.payload != ASSOCIATED:
        pass
    taken = time.monotonic() - began
    release(device_id(KNOWN), utc_now(), "benchmark")
    return taken


@contextlib.contextmanager
def flooding(broker: Mosquitto, level: int, seconds: float, sent: list[float]) -> Iterator[threading.Thread]:
    """Have a lamp flood for so many seconds; ``sent`` gets the messages a second, with the block's end."""
    flaps = [*presence([FLOODING]), *presence([FLOODING], b"0")]
    if level == 5:
        first, *flaps = aliased_packets(f"$SYS/broker/connection/{device_id(FLOODING)}/state", [b"1", b"1", b"0"])
    buffer = b"".join(flaps) * (PACKETS_A_BUFFER // 2)
    with Wire(broker.port, "flooding", level) as wire:
        if level == 5:
            wire.send(first)

        def flood_on() -> None:
            began, buffers = time.monotonic(), 0
            while time.monotonic() < began + seconds:
                wire.send(buffer)
                buffers += 1
            wire.settle()
            sent.append(buffers * PACKETS_A_BUFFER / (time.monotonic() - began))

        bridge = threading.Thread(target=flood_on)
        bridge.start()
        try:
            yield bridge
        finally:
            bridge.join()
