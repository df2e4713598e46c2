"""Running one target over many inputs: what hypothesis draws, and what atheris finds where it is installed."""

import importlib.util
import subprocess
import sys
from collections import Counter
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase

from tests.fuzz.target import Target

READ, REFUSED = "read", "refused"


class Found(Exception):
    """A target raised what it may not; the text is the traceback."""


def draw(target: Target, inputs: int, seed: int = 0) -> Counter[str]:
    """Give a target so many inputs of hypothesis'; return how many it read and refused.

    Raises:
        Exception: what the target raised and may not, with the smallest input that does it in its notes.
    """
    counts: Counter[str] = Counter()

    def one(given: Any) -> None:
        counts[READ if target.accepts(given) else REFUSED] += 1

    settings = hypothesis.settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    settings(hypothesis.seed(seed)(hypothesis.given(target.inputs)(one)))()
    return counts


def is_guided() -> bool:
    """Tell whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def guide(target: Target, inputs: int, seed: int = 0) -> Counter[str]:
    """Give a target so many inputs of atheris'; return how many it read and refused.

    Raises:
        Found: it raised what it may not.
    """
    command = [sys.executable, "-m", "tests.fuzz.guided", target.name, str(inputs), str(seed + 1)]  # 0 is "any"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Found(done.stdout)
    read, refused = done.stdout.split()[-2:]
    return Counter({READ: int(read), REFUSED: int(refused)})
