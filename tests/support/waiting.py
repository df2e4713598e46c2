"""Waiting for a condition with a deadline, never for a fixed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
DEADLINE_SECONDS = 15.0
_LOOK_AGAIN_SECONDS = 0.01


def wait_until(look: Callable[[], T], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """Return `look`'s result as soon as it is true; fail at the deadline and name what was awaited."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        pause.wait(_LOOK_AGAIN_SECONDS)
