"""Growth: the effect of more lamps in the database on the rates, on associating by code, and on rotation."""

import threading
import time
from datetime import timedelta
from statistics import median

from cloud.db.database import write_transaction
from cloud.db.timestamps import utc_now
from cloud.services.claiming import add_user, associate_by_code
from cloud.store import outbox
from cloud.store.lamps import Lampi
from tests.benchmarks.contenders import percentile
from tests.benchmarks.stage import Stage, Watch, daemon, fill, opened, presence, retain_mark, retain_presence
from tests.benchmarks.table import Row
from tests.benchmarks.wire import Wire

NEW = 1 << 32
LEAST_BESIDE_WAITING, LEAST_BESIDE_OWNED = 0.8, 0.9
ASSOCIATE_MILLISECONDS = 5.0
ROTATIONS_A_MINUTE = 10_000
_LAMPS_A_SECOND = 100


def growth(stage: Stage, kind: str, sizes: tuple[int, ...], lamps: int, rounds: int) -> list[Row]:
    """Measure new lamps that arrive live, beside so many that wait, or that have owners, the worlds taking turns."""
    part = f"growth, {kind}"
    worlds = [(size, owned) for owned in (False, True) for size in sizes if not owned or size == max(sizes)]
    urls = {world: stage.filled(kind, *world) for world in worlds}
    rates: dict[tuple[int, bool], list[float]] = {world: [] for world in worlds}
    for turn in range(rounds):
        for world in worlds:
            numbers = range(NEW + turn * lamps, NEW + (turn + 1) * lamps)
            rates[world].append(_new_lamps(stage, urls[world], numbers))
    least = median(rates[min(sizes), False])
    rows = []
    for (size, owned), each in rates.items():
        rate, asked_for = median(each), LEAST_BESIDE_OWNED if owned else LEAST_BESIDE_WAITING
        what = f"{lamps:,} new lamps, live, beside {size:,} {'with owners' if owned else 'that wait'}"
        beside = f"{rate / least:.2f} of the rate beside {min(sizes):,}"
        rows.append(Row(part, what, f"{rate:,.0f}/s", beside, f">= {asked_for}", rate >= asked_for * least))
    return [*rows, _associating(part, urls[max(sizes), False], kind), _rotation(stage, part, kind, max(sizes))]


def _new_lamps(stage: Stage, url: str, numbers: range) -> float:
    packets = b"".join(presence(numbers))
    with stage.broker() as broker, opened(url):
        retain_mark(broker)
        Lampi.update(connected=False).where(Lampi.connected).execute()  # as the broker will say
        with daemon(stage, broker, url), Wire(broker.port, "bridges") as wire:
            watch = Watch()
            began = time.monotonic()
            wire.send(packets)
            watch.wait_for(len(numbers))
            return len(numbers) / (time.monotonic() - began)


def _associating(part: str, url: str, kind: str, times: int = 500) -> Row:
    with opened(url):
        lamps = Lampi.select(Lampi.association_code, Lampi.short_code_length).where(Lampi.user.is_null()).limit(times)
        codes = [code[:length] for code, length in lamps.tuples()]
        ada = add_user("ada")
        taken = []
        for code in codes:
            began = time.perf_counter()
            associate_by_code(code, ada, utc_now())
            taken.append(1000 * (time.perf_counter() - began))
        count = Lampi.select().count()
        bare = [1000 * _commit() for _ in range(times)]
    late = percentile(taken, 99)
    asked = (f"< {ASSOCIATE_MILLISECONDS:.0f} ms", late < ASSOCIATE_MILLISECONDS) if kind == "sqlite" else ("", None)
    middle, least = percentile(taken, 50), (percentile(bare, 99), percentile(bare, 50))
    beside = f"median {middle:.2f} ms; a commit of one number {least[0]:.2f}, median {least[1]:.2f}"
    what = f"associating by code with {count:,} lamps, with its commit, 99th percentile"
    return Row(part, what, f"{late:.2f} ms", beside, *asked)


def _commit() -> float:
    """Return the seconds of the smallest change there is: what the disk takes of an association."""
    began = time.perf_counter()
    with write_transaction():
        outbox.reserve(1)
    return time.perf_counter() - began


def _rotation(stage: Stage, part: str, kind: str, lamps: int, seconds: float = 20.0) -> Row:
    """Let codes expire faster than they have to be rotated, while new lamps arrive."""
    ttl = timedelta(hours=1)
    expired = min(lamps, 20_000)
    url = stage.database(kind)
    stop = threading.Event()
    with stage.broker() as broker, opened(url), Wire(broker.port, "bridges") as wire:
        fill(expired, utc_now() - 2 * ttl)
        retain_mark(broker)
        retain_presence(broker, range(expired))
        packets = presence(range(NEW, NEW + int(_LAMPS_A_SECOND * seconds)))
        began = time.monotonic()
        with daemon(stage, broker, url, ttl):
            flood = threading.Thread(target=wire.pace, args=(packets, _LAMPS_A_SECOND, stop))
            flood.start()
            while time.monotonic() < began + seconds and _expired(ttl):
                stop.wait(0.05)
            taken, left = time.monotonic() - began, _expired(ttl)
            stop.set()
            flood.join()
    a_minute = 60 * (expired - left) / taken
    what = f"codes replaced a minute while {_LAMPS_A_SECOND} new lamps a second arrive, from the daemon's start"
    return Row(part, what, f"{a_minute:,.0f}", "", f">= {ROTATIONS_A_MINUTE:,}", a_minute >= ROTATIONS_A_MINUTE)


def _expired(ttl: timedelta) -> int:
    """Return how many codes should have been replaced."""
    rows = Lampi.select().where(Lampi.user.is_null() & (Lampi.code_issued_at <= utc_now() - ttl))
    return int(rows.count())
