"""`python -m tests.soak`: the chaos suite, of any length."""

import logging
import random
import sys
import time
from pathlib import Path

import click

from tests.soak.broken import SABOTAGES
from tests.soak.run import Extent, Soak
from tests.soak.world import World, soak_folder


@click.command()
@click.option("--rounds", default=1000, show_default=True)
@click.option("--lamps", default=10_000, show_default=True)
@click.option("--seconds", default=3600.0, show_default=True, help="End after this, whatever the rounds.")
@click.option("--seed", type=int, help="To have the same dice again; else a new one, which is printed.")
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--broken", type=click.Choice(sorted(SABOTAGES)), help="Run a build that is broken on purpose.")
@click.option("--only", default="", metavar="TEXT", help="Inject just the faults whose names contain this.")
@click.option("--keep", type=click.Path(path_type=Path), help="Where logs and stores stay, whether or not it fails.")
def soak(
    *,
    rounds: int,
    lamps: int,
    seconds: float,
    seed: int | None,
    database: str,
    broken: str | None,
    only: str,
    keep: Path | None,
) -> None:
    """Inject faults at random moments, and check that nothing is lost; exit status 1 if something is."""
    logging.basicConfig(level=logging.CRITICAL)  # that brokers go away is what we are here for
    extent = Extent(rounds, lamps, seconds, random.SystemRandom().randrange(10**6) if seed is None else seed, only=only)
    with soak_folder(keep) as folder:
        with World(folder, database, broken) as world:
            kept = Soak(world, extent, say).run()
        if not kept:
            sys.exit(1)


def say(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    soak()
