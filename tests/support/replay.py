"""Helpers for tests of the replay."""

from datetime import datetime

from cloud.reconciliation.replay import Replay
from cloud.store import outbox
from shared.protocol.payloads import HighWaterMark


def our_mark(version: int, *also: tuple[int, int]) -> HighWaterMark:
    """Return a mark of the open database."""
    return HighWaterMark(outbox.origin(), version, also)


def replay_lost(mark: HighWaterMark | None, now: datetime, newest: int | None = None) -> int:
    """Replay everything that a broker with this mark lost, and return the number of messages."""
    replay = Replay(mark, outbox.last_version() if newest is None else newest)
    while not replay.done:
        replay.step(now)
    return replay.replayed


def enqueued_versions() -> list[int]:
    """Return the versions that the outbox holds, in their order."""
    return [message.version for message in outbox.pending(after=0, limit=10_000)]


def confirm_all() -> None:
    """Have the broker confirm all that the outbox holds."""
    outbox.remove(enqueued_versions())


def enqueued() -> dict[str, bytes]:
    """Return what the outbox holds: payloads by topic, in the order of their versions."""
    return {message.topic: message.payload for message in outbox.pending(after=0, limit=10_000)}


def topic(device_id: str) -> str:
    """Return the topic of a lamp's association state."""
    return f"devices/{device_id}/lamp/associated"
