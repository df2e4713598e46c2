"""A publisher's connection that the test controls."""

import sys
from collections.abc import Sequence

from cloud.daemon.publisher import Publisher
from cloud.daemon.verification import Verification
from cloud.db.database import write_transaction
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.reasons import NOT_AUTHORIZED
from cloud.store import broker_faults, outbox
from cloud.store.outbox import Pending
from shared.mqtt.messages import Publication
from tests.cloud.conftest import NOW


class HandPlayed:
    """Takes what a publisher publishes, and answers as the test says; or is lost."""

    def __init__(self) -> None:
        self.publisher = Publisher(self)
        self.taken: list[tuple[int, Publication]] = []
        self.lost = False
        self.superseded = False
        self.is_narrow = False
        self.monotonic = 0.0
        self._answered = 0

    def leads(self) -> bool:
        return not self.superseded

    @property
    def is_open(self) -> bool:
        return not self.lost

    def publish(self, messages: Sequence[tuple[int, Publication]]) -> bool:
        if not self.lost:
            self.taken.extend(messages)
        return not self.lost

    def narrow(self) -> None:
        self.is_narrow = True

    def pump(self, seconds: float = 0.0) -> None:
        """Have the publisher do its work, so much later."""
        self.monotonic += seconds
        self.publisher.pump(NOW, self.monotonic)

    def accept(self, *numbers: int) -> None:
        self.publisher.conclude(Outcomes(accepted=list(numbers)), self.monotonic)

    def refuse(self, reason: int, *numbers: int) -> None:
        self.publisher.conclude(Outcomes(refused=[(number, reason) for number in numbers]), self.monotonic)

    def accept_next(self, count: int) -> None:
        """Accept so many of those that have no answer yet, in the order in which they were published."""
        answered = self.taken[self._answered : self._answered + count]
        self._answered += len(answered)
        self.accept(*(number for number, _ in answered))

    def start_over(self, verification: Verification | None = None) -> None:
        self.publisher.start_over(verification)

    def numbers(self) -> list[int]:
        return [number for number, _ in self.taken]

    def payloads(self) -> list[bytes]:
        return [publication.payload for _, publication in self.taken]


def enqueue(*messages: tuple[str, bytes]) -> None:
    """Put messages into the outbox."""
    with write_transaction():
        versions = range(outbox.reserve(len(messages)), sys.maxsize)
        outbox.put([Pending(version, *message) for version, message in zip(versions, messages, strict=False)])


def faults() -> dict[int, int]:
    """Return what the broker refuses: how many messages for which reason."""
    return {fault.reason: fault.messages for fault in broker_faults.current()}


def refuse_all(broker: HandPlayed, count: int, reason: int = NOT_AUTHORIZED) -> None:
    """Have so many messages published for the first time, and refused."""
    enqueue(*((f"topic {number}", b"x") for number in range(count)))
    broker.pump()
    broker.refuse(reason, *broker.numbers())
    broker.taken.clear()
