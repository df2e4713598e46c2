"""A daemon that dies, or stops, at one exact point: of a message's way from the outbox, or of a change."""

import os
import signal
from pathlib import Path
from typing import Any

from cloud.mqtt.protocol import Protocol
from cloud.store import outbox

ARMED = "SOAK_CRASH_FILE"
"""Names the variable with the path of a file that names a point: who comes there takes it away, and ends there."""

INSIDE_A_TRANSACTION = "inside a transaction"

POINTS: dict[str, tuple[Any, str]] = {
    "before publish": (outbox, "pending"),
    "before PUBREC": (Protocol, "_release"),
    "before PUBCOMP": (Protocol, "_complete"),
    "before removal": (outbox, "remove"),
}
"""The function that is called at each. At the first the message is in the database only; at the second the broker has
received it and not released it; at the third it retains it and has said so; at the fourth the daemon knows that."""


def sabotage() -> None:
    """Have the process die at the point that the file names."""
    for point, (owner, name) in POINTS.items():
        _end_before(point, owner, name, signal.SIGKILL)


def sabotage_transaction() -> None:
    """Have the process stop, as if paused, where it has changed something and not committed it."""
    _end_before(INSIDE_A_TRANSACTION, outbox, "put", signal.SIGSTOP)


def _end_before(point: str, owner: Any, name: str, how: signal.Signals) -> None:
    really = getattr(owner, name)

    def end_first(*arguments: Any, **named: Any) -> Any:
        armed = Path(os.environ[ARMED])
        if armed.exists() and armed.read_text() == point:
            armed.unlink(missing_ok=True)
            os.kill(os.getpid(), how)
        return really(*arguments, **named)

    setattr(owner, name, end_first)
