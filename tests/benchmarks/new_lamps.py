"""New lamps: waiting as retained states when the daemon starts, and arriving live.

From when the daemon has connected, or from the first packet, until the broker has confirmed every lamp's message and
the outbox is empty. Beside it the usual way, and paho alone with the same window (20
in flight, which is what Mosquitto stands unless it is told otherwise) and without a limit, on a broker that was told.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

from tests.benchmarks.contenders import paho_ceiling, usual_way
from tests.benchmarks.stage import Stage, Watch, daemon, device_id, opened, presence, retain_presence
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire

CEILING, UNLIMITED, USUAL = "paho alone, 20 in flight", "paho alone, no limit", "the usual way"
KINDS = ("sqlite", "postgresql")
SCENES = ("waiting", "live")


def new_lamps(stage: Stage, lamps: int, rounds: int, usual_lamps: int, kinds: Sequence[str]) -> list[Row]:
    """Measure, contenders taking turns."""
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, measure in _contenders(stage, lamps, usual_lamps, kinds).items():
            rates.setdefault(name, []).append(measure())
    middle = {name: median(each) for name, each in rates.items()}
    part = f"{lamps:,} new lamps"
    rows = [Row(part, name, f"{middle[name]:,.0f}/s") for name in (USUAL, CEILING, UNLIMITED)]
    for kind in kinds:
        for scene in SCENES:
            rate = middle[f"{kind}, {scene}"]
            of_ceiling, of_usual = rate / middle[CEILING], rate / middle[USUAL]
            beside = (
                f"{of_ceiling:.2f} of paho alone ({rate / middle[UNLIMITED]:.2f} of no limit), {of_usual:.0f} x usual"
            )
            reached = of_ceiling >= 0.9 and of_usual >= 10
            rows.append(
                Row(part, f"{kind}, {scene}", f"{rate:,.0f}/s", beside, ">= 0.9 of paho, >= 10 x usual", reached)
            )
    return rows


def _contenders(stage: Stage, lamps: int, usual_lamps: int, kinds: Sequence[str]) -> dict[str, Callable[[], float]]:
    def usual() -> float:
        with stage.broker() as broker, opened(stage.database("sqlite")):
            return usual_way(broker.port, [device_id(number) for number in range(usual_lamps)])

    def ceiling(most_in_flight: int) -> float:
        with stage.broker() if most_in_flight else stage.open_handed_broker() as broker:
            return paho_ceiling(broker.port, [device_id(number) for number in range(lamps)], most_in_flight)

    contenders: dict[str, Callable[[], float]] = {
        CEILING: lambda: ceiling(20),
        UNLIMITED: lambda: ceiling(0),
        USUAL: usual,
    }
    for kind in kinds:
        contenders[f"{kind}, waiting"] = lambda kind=kind: waiting(stage, kind, lamps)  # type: ignore[misc]
        contenders[f"{kind}, live"] = lambda kind=kind: live(stage, kind, lamps)  # type: ignore[misc]
    return contenders


def waiting(stage: Stage, kind: str, lamps: int) -> float:
    """Return how many lamps a second are made that wait as retained states, from when the daemon hears them."""
    url = stage.database(kind)
    with stage.broker() as broker, opened(url):
        retain_presence(broker, range(lamps))
        watch = Watch()
        with daemon(stage, broker, url):
            return lamps / watch.seconds_until(lamps, time.monotonic())


def live(stage: Stage, kind: str, lamps: int) -> float:
    """Return how many lamps a second are made that come up while the daemon runs, all at once."""
    url = stage.database(kind)
    packets = b"".join(presence(range(lamps)))
    with stage.broker() as broker, opened(url), daemon(stage, broker, url), Wire(broker.port, "bridges") as wire:
        watch = Watch()
        began = time.monotonic()
        wire.send(packets)
        return lamps / watch.seconds_until(lamps, began)
