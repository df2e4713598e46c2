"""New lamps: waiting as retained states when the daemon starts, and arriving live.

From when the daemon has connected, or from the first packet, until the broker has confirmed every lamp's message and
the outbox is empty. Beside it a bare socket that publishes the same, the baseline, and paho alone with the same window
(20 in flight, Mosquitto's default limit) and without a limit, on a broker configured accordingly.
"""

from collections.abc import Callable, Sequence
from statistics import median

from tests.benchmarks.contenders import Speed, Stopwatch, bare_socket, baseline, paho_ceiling
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.stage import Stage, Watch, daemon, device_id, opened, presence, retain_presence
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire

BARE, CEILING = "a bare socket, 20 in flight", "paho alone, 20 in flight"
UNLIMITED, USUAL = "paho alone, no limit", "baseline"
ASKED_FOR = {"sqlite": (0.6, 2.0), "postgresql": (0.45, 1.5)}
"""Of the bare socket's rate, and of paho's, by database."""
KINDS = ("sqlite", "postgresql")
SCENES = ("waiting", "live", "live, stock lamps")


def new_lamps(stage: Stage, lamps: int, rounds: int, usual_lamps: int, kinds: Sequence[str]) -> list[Row]:
    """Measure, contenders taking turns."""
    speeds: dict[str, list[Speed]] = {}
    for _ in range(rounds):
        for name, measure in _contenders(stage, lamps, usual_lamps, kinds).items():
            speeds.setdefault(name, []).append(measure())
    middle = {name: Speed(*(median(figures) for figures in zip(*each, strict=True))) for name, each in speeds.items()}
    part = f"{lamps:,} new lamps"
    rows = [Row(part, name, _shown(middle[name])) for name in (USUAL, CEILING, UNLIMITED, BARE)]
    for kind in kinds:
        for scene in SCENES:
            speed = middle[f"{kind}, {scene}"]
            of_bare, of_ceiling = speed.rate / middle[BARE].rate, speed.rate / middle[CEILING].rate
            of_unlimited, of_usual = speed.rate / middle[UNLIMITED].rate, speed.rate / middle[USUAL].rate
            beside = (
                f"{of_bare:.2f} of the bare socket, {of_ceiling:.2f} of paho alone ({of_unlimited:.2f} of no limit), "
            )
            least_of_bare, least_of_paho = ASKED_FOR[kind]
            asked_for = f">= {least_of_bare} of the bare socket, >= {least_of_paho} x paho"
            reached = of_bare >= least_of_bare and of_ceiling >= least_of_paho
            rows.append(
                Row(part, f"{kind}, {scene}", _shown(speed), f"{beside}{of_usual:.0f} x baseline", asked_for, reached)
            )
    return rows


def _shown(speed: Speed) -> str:
    return f"{speed.rate:,.0f}/s, {speed.microseconds:.0f} us of a core each"


def _contenders(stage: Stage, lamps: int, usual_lamps: int, kinds: Sequence[str]) -> dict[str, Callable[[], Speed]]:
    def usual() -> Speed:
        with stage.broker() as broker, opened(stage.database("sqlite")):
            return baseline(broker.port, [device_id(number) for number in range(usual_lamps)])

    def ceiling(most_in_flight: int) -> Speed:
        with stage.broker() if most_in_flight else stage.open_handed_broker() as broker:
            return paho_ceiling(broker.port, [device_id(number) for number in range(lamps)], most_in_flight)

    def bare() -> Speed:
        with stage.broker() as broker:
            return bare_socket(broker.port, [device_id(number) for number in range(lamps)])

    contenders: dict[str, Callable[[], Speed]] = {
        BARE: bare,
        CEILING: lambda: ceiling(20),
        UNLIMITED: lambda: ceiling(0),
        USUAL: usual,
    }
    for kind in kinds:
        contenders[f"{kind}, waiting"] = lambda kind=kind: waiting(stage, kind, lamps)  # type: ignore[misc]
        contenders[f"{kind}, live"] = lambda kind=kind: live(stage, kind, lamps)  # type: ignore[misc]
        contenders[f"{kind}, live, stock lamps"] = lambda kind=kind: live(stage, kind, lamps, "_broker")  # type: ignore[misc]
    return contenders


def waiting(stage: Stage, kind: str, lamps: int) -> Speed:
    """Return how many lamps a second are made that wait as retained states, from when the daemon hears them."""
    url = stage.database(kind)
    with stage.broker() as broker, opened(url):
        retain_presence(broker, range(lamps))
        watch = Watch()
        with daemon(stage, broker, url) as process:
            timed = Stopwatch(lambda: cpu_seconds(process.pid))
            watch.wait_for(lamps)
            return timed.speed(lamps)


def live(stage: Stage, kind: str, lamps: int, suffix: str = "") -> Speed:
    """Return how many lamps a second are made that come up while the daemon runs, all at once."""
    url = stage.database(kind)
    packets = b"".join(presence(range(lamps), suffix=suffix))
    with (
        stage.broker() as broker,
        opened(url),
        daemon(stage, broker, url) as process,
        Wire(broker.port, "bridges") as wire,
    ):
        watch, timed = Watch(), Stopwatch(lambda: cpu_seconds(process.pid))
        wire.send(packets)
        watch.wait_for(lamps)
        return timed.speed(lamps)
