"""Remove what was confirmed by its topic, not by its version: a newer message that waits goes with it, unsaid."""

from collections.abc import Iterable

from cloud.store import outbox
from cloud.store.outbox import OutboxMessage, Pending

_topics: dict[int, str] = {}


def sabotage() -> None:
    """Have the daemon remember which topic it published, and remove the row of that topic."""
    really_pending = outbox.pending

    def pending(after: int, limit: int) -> list[Pending]:
        messages = really_pending(after, limit)
        _topics.update({message.version: message.topic for message in messages})
        return messages

    outbox.pending = pending
    outbox.remove = _remove


def _remove(versions: Iterable[int]) -> None:
    topics = [_topics[version] for version in versions]
    OutboxMessage.delete().where(OutboxMessage.topic.in_(topics)).execute()
