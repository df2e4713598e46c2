"""Samples read back, where the broker speaks MQTT 3.1.1 and can't say that it refuses a message."""

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cloud import outbox
from cloud.agreement.retained import retained_batches
from cloud.errors import BrokerAway, BrokerSilent
from cloud.mqtt.listener import Session
from cloud.outbox import Pending
from shared.broker_url import BrokerUrl

log = logging.getLogger(__name__)

SAMPLE = 20
"""Messages of each batch that are read back: of a batch of which the broker lost a quarter, one in 300 samples would
not show it."""

SILENCE_SECONDS = 5.0
"""How long the broker may send nothing before a sample counts as read."""

Read = Callable[[Sequence[str]], dict[str, bytes]]


@dataclass(frozen=True)
class Verdict:
    """Whether the broker retains what it confirmed of a batch, as far as a sample shows."""

    batch: Mapping[int, Pending]
    is_good: bool


class Sampling:
    """Reads samples of one batch after another, each on a thread of its own; ``on_read`` is called there at its end."""

    def __init__(self, read: Read, on_read: Callable[[], object]) -> None:
        self._read = read
        self._on_read = on_read
        self._batch: dict[int, Pending] = {}
        self._sample: list[Pending] = []
        self._found: dict[str, bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def is_reading(self) -> bool:
        """True from `begin` until `verdict` has returned one."""
        return bool(self._batch)

    def begin(self, batch: dict[int, Pending]) -> None:
        """Read back a sample of these, by their versions."""
        latest = list({message.topic: message for message in batch.values()}.values())
        self._batch = batch
        self._sample = random.sample(latest, min(SAMPLE, len(latest)))
        self._start()

    def verdict(self) -> Verdict | None:
        """Return what the sample shows once it is read; what changed meanwhile shows nothing."""
        if not self._batch or (self._reader is not None and self._reader.is_alive()):
            return None
        if self._found is None:
            self._start()
            return None
        wrong = [message for message in self._sample if self._found.get(message.topic, b"") != message.payload]
        current = outbox.versions_of([message.topic for message in wrong])
        lost = [message for message in wrong if current.get(message.topic) == message.version]
        batch, self._batch = self._batch, {}
        return Verdict(batch, not lost)

    def _start(self) -> None:
        self._found = None
        self._reader = threading.Thread(target=self._work, name="sample", daemon=True)
        self._reader.start()

    def _work(self) -> None:
        try:
            self._found = self._read([message.topic for message in self._sample])
        except BrokerAway as away:
            log.info("%s Reading a sample again soon", away)
        self._on_read()


def sampling_for(session: Session | None, broker: BrokerUrl, on_read: Callable[[], object]) -> Sampling | None:
    """Return what reads samples back from this broker, or None where the session reports refusals itself."""
    return None if session is None or session.reports_refusals else Sampling(_reader(broker), on_read)


def _reader(broker: BrokerUrl) -> Read:
    """Return what reads the retained messages of some topics, over a connection of its own."""

    def read(topics: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        # Where it refuses our end marker, too, what came until it fell silent must do.
        with suppress(BrokerSilent):
            for batch in retained_batches(broker, "sample", topics, silence_seconds=SILENCE_SECONDS):
                found.update((message.topic, message.payload) for message in batch)
        return found

    return read
