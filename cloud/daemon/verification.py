"""Verification for MQTT 3.1.1, which can't report refusals: reads published messages back."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cloud.errors import BrokerAway, BrokerSilent
from cloud.mqtt.listener import Session
from cloud.reconciliation.retained import retained_batches
from cloud.store import outbox
from cloud.store.outbox import Pending
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol.payloads import WITHDRAWN

log = logging.getLogger(__name__)

TOPICS_A_CONNECTION = 200
"""Topics per connection: a SUBSCRIBE packet of about 10 kB, which every broker accepts."""

SILENCE_SECONDS = 5.0
"""After this long without a message, a connection's topics count as read."""

RETRY_SECONDS = 1.0
SHORT_SILENCE_SECONDS = 0.5
"""The same timeout once the broker has refused to forward the end marker."""

Read = Callable[[Sequence[str]], dict[str, bytes]]


@dataclass(frozen=True)
class Verdict:
    """A batch of confirmed messages by version, and those of them that the broker does not retain."""

    batch: Mapping[int, Pending]
    lost: frozenset[int]


class Verification:
    """Reads batches back, each on a thread of its own; ``on_read`` is called there at the end.

    A sample would not do: a broker that loses 4 of 2,000 messages would pass almost every time.
    """

    def __init__(self, read: Read, on_read: Callable[[], object]) -> None:
        self._read = read
        self._on_read = on_read
        self._batch: dict[int, Pending] = {}
        self._latest: list[Pending] = []
        self._found: dict[str, bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def is_reading(self) -> bool:
        """True from `begin` until `verdict` has returned a verdict."""
        return bool(self._batch)

    def begin(self, batch: dict[int, Pending]) -> None:
        """Read these messages back; only the newest of each topic."""
        self._batch = batch
        self._latest = list({message.topic: message for message in batch.values()}.values())
        self._start()

    def verdict(self) -> Verdict | None:
        """Return the verdict once all messages are read, else None. Superseded messages don't count as lost.

        A topic without a message is as good as a withdrawn one.
        """
        if not self._batch or (self._reader is not None and self._reader.is_alive()):
            return None
        if self._found is None:
            self._start()
            return None
        wrong = [message for message in self._latest if self._found.get(message.topic, WITHDRAWN) != message.payload]
        current = outbox.versions_of([message.topic for message in wrong])
        lost = frozenset(message.version for message in wrong if current.get(message.topic) == message.version)
        batch, self._batch = self._batch, {}
        return Verdict(batch, lost)

    def _start(self) -> None:
        self._found = None
        self._reader = threading.Thread(target=self._work, name="verification", daemon=True)
        self._reader.start()

    def _work(self) -> None:
        try:
            self._found = self._read([message.topic for message in self._latest])
        except BrokerAway as away:
            log.info("%s Retrying the verification soon", away)
        except Exception:
            log.exception("Reading messages back failed; retrying")
            time.sleep(RETRY_SECONDS)  # on the reader's own thread
        self._on_read()


def verification_for(session: Session | None, broker: BrokerUrl, on_read: Callable[[], object]) -> Verification | None:
    """Return a verification, or None if the session reports refusals itself."""
    return None if session is None or session.reports_refusals else Verification(_reader(broker), on_read)


def _reader(broker: BrokerUrl) -> Read:
    """Return a function that reads the retained messages of some topics over connections of its own."""

    def read(topics: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        silence_seconds = SILENCE_SECONDS
        for first in range(0, len(topics), TOPICS_A_CONNECTION):
            filters = topics[first : first + TOPICS_A_CONNECTION]
            try:
                for batch in retained_batches(broker, "verification", filters, silence_seconds=silence_seconds):
                    found.update((message.topic, message.payload) for message in batch)
            except BrokerSilent:  # it refuses the end marker: use what has arrived
                silence_seconds = SHORT_SILENCE_SECONDS
        return found

    return read
