"""Clear what the broker retains with an empty payload, as MQTT does it: a stock screen never hears anything again."""

from cloud.store import outbox
from cloud.store.outbox import Pending
from shared.protocol.payloads import CLEARED, WITHDRAWN


def sabotage() -> None:
    """Have the daemon publish an empty payload wherever it withdraws a message."""
    really_pending = outbox.pending

    def pending(after: int, limit: int) -> list[Pending]:
        messages = really_pending(after, limit)
        return [each._replace(payload=CLEARED) if each.payload == WITHDRAWN else each for each in messages]

    outbox.pending = pending
