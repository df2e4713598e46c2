"""A daemon that dies at one exact point on a message's way from the outbox to the broker and out of the outbox."""

import os
import signal
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from cloud import outbox

ARMED = "SOAK_CRASH_FILE"
"""Names the environment variable with the path of a file that names a point: who comes there takes it away and dies."""

POINTS: dict[str, tuple[Any, str]] = {
    "before publish": (outbox, "pending"),
    "before PUBREC": (paho.Client, "_handle_pubrec"),
    "before PUBCOMP": (paho.Client, "_handle_pubackcomp"),
    "before removal": (outbox, "remove"),
}
"""The function that is called at each. At the first the message is in the database only; at the second the broker has
received it and not released it; at the third it retains it and has said so; at the fourth the daemon knows that."""


def sabotage() -> None:
    """Have the process die at the point that the file names."""
    for point, (owner, name) in POINTS.items():
        _die_before(point, owner, name)


def _die_before(point: str, owner: Any, name: str) -> None:
    really = getattr(owner, name)

    def die_first(*arguments: Any, **named: Any) -> Any:
        _die_if_armed(point)
        return really(*arguments, **named)

    setattr(owner, name, die_first)


def _die_if_armed(point: str) -> None:
    armed = Path(os.environ[ARMED])
    if armed.exists() and armed.read_text() == point:
        armed.unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGKILL)
