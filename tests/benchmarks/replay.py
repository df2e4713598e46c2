"""Replay: a broker that lost its store receives the state of every lamp again, while new lamps connect.

From when the daemon has connected until the broker has confirmed it all; no bridge of the others is back yet. New lamps
come one after the other: how long each of them waits for its code.
"""

import time

from cloud.store import outbox
from cloud.store.lamps import Lampi
from tests.benchmarks.contenders import percentile
from tests.benchmarks.newcomers import waits
from tests.benchmarks.stage import Stage, daemon, device_id, opened
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire
from tests.support.broker import Ear
from tests.support.loop import associated

MOST_SECONDS = 1.0
_FIRST = 1 << 34
_MOST_NEW = 3000


def replay(stage: Stage, kind: str, lamps: int) -> list[Row]:
    """Measure the replay of this many lamps."""
    part = f"replay of {lamps:,} lamps, {kind}"
    url = stage.filled(kind, lamps)
    numbers = range(_FIRST, _FIRST + _MOST_NEW)
    # Only new lamps' messages: receiving the whole replay would take as long as publishing it.
    theirs = [associated(device_id(number)) for number in numbers]
    with stage.broker() as broker, opened(url), Ear(broker.port, *theirs) as ear, Wire(broker.port, "new") as wire:
        under_way = _ReplayWatch(outbox.last_version())
        with daemon(stage, broker, url):
            began = time.monotonic()
            delays = waits(ear, wire, numbers, goes_on=under_way.goes_on)
            taken = time.monotonic() - began
            assert not under_way.goes_on(), "there were too few new lamps"
    worst = max(delays)
    beside = f"median {1000 * percentile(delays, 50):.0f} ms, of {len(delays)}"
    asked = f"<= {MOST_SECONDS:.0f} s"
    return [
        Row(part, "all published again", f"{lamps / taken:,.0f}/s", f"{taken:.1f} s"),
        Row(
            part,
            "a new lamp's code meanwhile, at worst",
            f"{1000 * worst:.0f} ms",
            beside,
            asked,
            worst <= MOST_SECONDS,
        ),
    ]


class _ReplayWatch:
    """What the database says of it; ``newest`` is the last version before the broker lost its store."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._said_with: int | None = None

    def goes_on(self) -> bool:
        """Return whether messages are still to be replayed or confirmed."""
        if self._said_with is None and not Lampi.select().where(Lampi.message_version <= self._newest).exists():
            self._said_with = outbox.last_version()
        return self._said_with is None or outbox.confirmed_up_to() < self._said_with
