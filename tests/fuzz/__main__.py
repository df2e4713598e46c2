"""`make fuzz`: a million inputs for each parser; exit status 1 if one raises an unexpected exception."""

import argparse
import random
import sys
import time
import traceback

from tests.fuzz.run import READ, REFUSED, Found, draw, guide, is_guided
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

DRAWN_OF_GUIDED = 20
"""One in so many inputs is drawn by hypothesis where atheris makes the others, which is a hundred times as fast."""


def main() -> int:
    """Fuzz each target; print a line for each, and for all together."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--inputs", type=int, default=1_000_000, help="of all targets together")
    options.add_argument("--seed", type=int, default=random.randrange(2**31))
    options.add_argument("--only", action="append", metavar="TARGET", help="may be given several times")
    given = options.parse_args()
    targets = [target for target in TARGETS if given.only is None or target.name in given.only]
    guided = is_guided()
    sys.stdout.write(f"seed {given.seed}; {'atheris and ' if guided else ''}hypothesis\n")
    each = -(-given.inputs // len(targets))
    results = [_fuzz(target, each, given.seed, guided) for target in targets]
    found = sum(count is None for count in results)
    total = sum(count or 0 for count in results)
    sys.stdout.write(f"{'all':<24}{total:>9} inputs, {found} targets raised what they may not\n")
    return 1 if found else 0


def _fuzz(target: Target, inputs: int, seed: int, guided: bool) -> int | None:
    """Return how many inputs a target was given, None where it raised what it may not."""
    began, drawn = time.monotonic(), inputs // DRAWN_OF_GUIDED if guided else inputs
    try:
        counts = draw(target, drawn, seed)
        if guided:
            counts += guide(target, inputs - counts.total(), seed)
    except Found as found:
        sys.stdout.write(f"{target.name:<24}FOUND\n{found}\n")
        return None
    except Exception:
        sys.stdout.write(f"{target.name:<24}FOUND\n{traceback.format_exc()}\n")
        return None
    sys.stdout.write(
        f"{target.name:<24}{counts.total():>9} inputs: {counts[READ]} read, {counts[REFUSED]} refused, "
        f"{time.monotonic() - began:.0f} s\n"
    )
    sys.stdout.flush()
    return counts.total()


if __name__ == "__main__":
    sys.exit(main())
