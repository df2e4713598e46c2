"""`make bench`: compares the cloud's daemon with a baseline and paho alone, and writes a table.

python -m tests.benchmarks [--quick] [--part new --part storm ...] [--output RESULTS.md]
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from cloud.db.timestamps import utc_now
from tests.benchmarks.fairness import fairness
from tests.benchmarks.flood import flood
from tests.benchmarks.growth import growth
from tests.benchmarks.idle import idle
from tests.benchmarks.latency import latency
from tests.benchmarks.new_lamps import KINDS, new_lamps
from tests.benchmarks.replay import replay
from tests.benchmarks.stage import Stage, stage
from tests.benchmarks.storm import storm
from tests.benchmarks.table import Row, document
from tests.benchmarks.taps import taps


@dataclass(frozen=True)
class Sizes:
    """The size of each measurement."""

    new: tuple[tuple[int, int, tuple[str, ...]], ...]
    usual: int
    storm: Mapping[str, int]
    storm_seconds: float
    replay: int
    growth: Mapping[str, tuple[int, ...]]
    growth_new: int
    growth_rounds: int
    associations: int
    fairness_seconds: float
    flood_seconds: float
    idle_seconds: float


def sized(large: int, rounds: int, times: int) -> Sizes:
    """Return the sizes of a full run; PostgreSQL gets a tenth of the long measurements."""
    return Sizes(
        new=((20_000, rounds, KINDS), (200_000, 1, ("sqlite",))),
        usual=500,
        storm={"sqlite": large, "postgresql": large // 10},
        storm_seconds=20.0,
        replay=large // 10,
        growth={"sqlite": (1_000, large // 10, large), "postgresql": (1_000, large // 10)},
        growth_new=10_000,
        growth_rounds=rounds,
        associations=times,
        fairness_seconds=20.0,
        flood_seconds=20.0,
        idle_seconds=60.0,
    )


QUICK = Sizes(
    new=((200, 1, KINDS),),
    usual=20,
    storm=dict.fromkeys(KINDS, 2000),
    storm_seconds=0.5,
    replay=1000,
    growth=dict.fromkeys(KINDS, (100, 1000)),
    growth_new=200,
    growth_rounds=1,
    associations=3,
    fairness_seconds=1.0,
    flood_seconds=0.5,
    idle_seconds=1.0,
)


def parts_of(sizes: Sizes, kinds: tuple[str, ...]) -> dict[str, Callable[[Stage], list[Row]]]:
    """Return the parts by name, in the order of the table."""

    def of_each(measure: Callable[[Stage, str], list[Row]]) -> Callable[[Stage], list[Row]]:
        return lambda on: [row for kind in kinds for row in measure(on, kind)]

    return {
        "new": lambda on: [
            row
            for lamps, rounds, on_these in sizes.new
            for row in new_lamps(on, lamps, rounds, sizes.usual, [kind for kind in kinds if kind in on_these])
        ],
        "latency": of_each(lambda on, kind: latency(on, kind, sizes.associations)),
        "tap": of_each(lambda on, kind: taps(on, kind, sizes.associations)),
        "fairness": of_each(lambda on, kind: fairness(on, kind, sizes.fairness_seconds)),
        "flood": of_each(lambda on, kind: flood(on, kind, sizes.flood_seconds)),
        "growth": of_each(lambda on, kind: growth(on, kind, sizes.growth[kind], sizes.growth_new, sizes.growth_rounds)),
        "storm": of_each(lambda on, kind: storm(on, kind, sizes.storm[kind], sizes.storm_seconds)),
        "replay": of_each(lambda on, kind: replay(on, kind, sizes.replay)),
        "idle": lambda on: idle(on, kinds, sizes.idle_seconds),
    }


@click.command()
@click.option(
    "--part", "chosen", multiple=True, type=click.Choice(list(parts_of(QUICK, KINDS))), help="Only this part."
)
@click.option("--database", "kinds", multiple=True, type=click.Choice(KINDS), default=KINDS, help="Only on this one.")
@click.option("--large", default=1_000_000, show_default=True, help="How many lamps a large database has.")
@click.option("--rounds", default=3, show_default=True, help="How often contenders take turns.")
@click.option("--times", default=100, show_default=True, help="How many associations and taps are timed.")
@click.option("--quick", is_flag=True, help="So little of everything that it only shows that it runs.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where the databases are put: on a disk, not in memory."
)
@click.option("--output", type=click.Path(path_type=Path), help="Where the table is kept, beside being printed.")
def main(  # noqa: PLR0917 - click hands them over by name
    chosen: tuple[str, ...],
    kinds: tuple[str, ...],
    large: int,
    rounds: int,
    times: int,
    quick: bool,
    folder: Path | None,
    output: Path | None,
) -> None:
    """Measure, and write the table."""
    logging.getLogger("paho.mqtt.client").setLevel(logging.CRITICAL)  # each `publish.single` says how it ended
    parts = parts_of(QUICK if quick else sized(large, rounds, times), kinds)
    began, started, load = utc_now(), time.monotonic(), os.getloadavg()[0]
    command = "python -m tests.benchmarks" if chosen or quick else "make bench"
    rows: list[Row] = []
    with stage(folder) as on:
        for name in chosen or parts:
            rows += parts[name](on)
            text = document(rows, command, began, time.monotonic() - started, (load, os.getloadavg()[0]))
            if output is not None:
                output.write_text(text, encoding="utf-8")
            click.echo(f"Measured: {name}", err=True)
    click.echo(text)


if __name__ == "__main__":
    main()
