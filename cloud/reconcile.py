"""Reconciling: what the broker really retains, held against what the database says, for every lamp."""

import queue
import uuid
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from peewee import chunked

from cloud import claim_address
from cloud.database import write_transaction
from cloud.errors import BrokerAway
from cloud.forgotten import Forgotten, associated_topic
from cloud.models import Lampi
from cloud.outbox import ROWS_A_STATEMENT, OutboxMessage
from shared import topics
from shared.broker_url import BrokerUrl
from shared.errors import BadPayload
from shared.messages import Message, Publication, Subscription
from shared.mqtt import BrokerLink
from shared.payloads import Association, decode_association

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 30.0
"""How long the broker may send nothing before we give up on hearing the end."""


@dataclass
class Drift:
    """Device ids of lamps whose retained message is not what the database says."""

    missing: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    ghost: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.ghost)

    def both(self, other: "Drift") -> "Drift":
        """Return what two looks agree on: what one saw alone was a change under way."""
        return Drift(self.missing & other.missing, self.stale & other.stale, self.ghost & other.ghost)


def find_drift(broker: BrokerUrl, progress: Callable[[int], object]) -> Drift:
    """Return the lamps that the broker tells otherwise than the database; ``progress`` gets counts of lamps.

    What the outbox still holds is no drift: the daemon is about to say it.

    Raises:
        BrokerAway: the broker does not answer, or not to the end.
    """
    drift = _look(broker, progress)
    return drift.both(_look(broker, lambda _count: None)) if drift else drift


def repair(drift: Drift, now: datetime) -> None:
    """Have the daemon say again what is missing or stale, and clear what is a ghost."""
    for chunk in chunked(sorted(drift.missing | drift.stale), ROWS_A_STATEMENT):
        with write_transaction():
            Lampi.tell(list(Lampi.select().where(Lampi.device_id.in_(list(chunk)))))
    for chunk in chunked(sorted(drift.ghost), ROWS_A_STATEMENT):
        with write_transaction():
            known = {lampi.device_id for lampi in Lampi.select().where(Lampi.device_id.in_(list(chunk)))}
            Forgotten.tell([device_id for device_id in chunk if device_id not in known], now)


def _look(broker: BrokerUrl, progress: Callable[[int], object]) -> Drift:
    drift = Drift()
    seen = array("Q")
    for batch in _retained_batches(broker):
        seen.extend(int(device_id, 16) for device_id in batch)
        _compare(batch, drift)
        progress(len(batch))
    _find_missing(set(seen), drift)
    return drift


def _compare(batch: dict[str, bytes], drift: Drift) -> None:
    """Hold one batch of retained messages against the database."""
    lamps = {lampi.device_id: lampi for lampi in Lampi.select().where(Lampi.device_id.in_(list(batch)))}
    claim_url = claim_address.announced()
    told_otherwise = {
        device_id
        for device_id, payload in batch.items()
        if device_id not in lamps or not _says(payload, lamps[device_id].association(claim_url))
    }
    for device_id in told_otherwise - _pending(told_otherwise):
        (drift.stale if device_id in lamps else drift.ghost).add(device_id)


def _find_missing(seen: set[int], drift: Drift) -> None:
    last = ""
    while page := _lamps_after(last):
        last = page[-1]
        unheard = {device_id for device_id in page if int(device_id, 16) not in seen}
        drift.missing |= unheard - _pending(unheard)


def _lamps_after(device_id: str) -> list[str]:
    page = Lampi.select(Lampi.device_id).where(Lampi.device_id > device_id).order_by(Lampi.device_id)
    return [found for (found,) in page.limit(ROWS_A_STATEMENT).tuples()]


def _pending(device_ids: Iterable[str]) -> set[str]:
    by_topic = {associated_topic(device_id): device_id for device_id in device_ids}
    rows = OutboxMessage.select(OutboxMessage.topic).where(OutboxMessage.topic.in_(list(by_topic))).tuples()
    return {by_topic[topic] for (topic,) in rows}


def _says(payload: bytes, expected: Association) -> bool:
    try:
        return decode_association(payload) == expected
    except BadPayload:
        return False


def _retained_batches(broker: BrokerUrl) -> Iterable[dict[str, bytes]]:
    """Yield all that the broker retains on lamps' `associated` topics, by device id."""
    heard: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    word = uuid.uuid4().hex

    def receive(message: Message) -> None:
        if message.retained:
            heard.put((topics.parse_associated(message.topic), message.payload))

    def receive_end(_message: Message) -> None:
        heard.put(None)

    link = BrokerLink(
        broker,
        f"lampi-cloud-reconcile-{word}",
        subscriptions=[
            Subscription(topics.ASSOCIATED_FILTER, 0, receive),
            Subscription(f"{topics.PROBE}/{word}", 1, receive_end),
        ],
        on_connection=connected.put,
    )
    link.start()
    try:
        connected.get(timeout=CONNECT_SECONDS)
        link.publish(Publication(f"{topics.PROBE}/{word}", b"", qos=1, retain=False))
        batch: dict[str, bytes] = {}
        while (message := heard.get(timeout=SILENCE_SECONDS)) is not None:
            batch[message[0]] = message[1]
            if len(batch) == ROWS_A_STATEMENT:
                yield batch
                batch = {}
        yield batch
    except queue.Empty:
        raise BrokerAway(f"The broker at {broker} does not answer; nothing was changed.") from None
    finally:
        link.stop()
