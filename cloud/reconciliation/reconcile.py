"""Reconciliation: compares the broker's retained messages with the database for every lamp."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from peewee import chunked

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import write_transaction
from cloud.errors import UnusableDatabase
from cloud.reconciliation.leftovers import owner_of
from cloud.reconciliation.orphans import withdraw_orphans
from cloud.reconciliation.retained import retained_associations, retained_batches
from cloud.services.claim_terms import announced_terms
from cloud.services.lamps import association_of, enqueue_state
from cloud.services.stock_screens import reopen
from cloud.store import outbox
from cloud.store.lamps import Lampi
from cloud.store.outbox import OutboxMessage
from cloud.store.tombstones import associated_topic
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Message
from shared.protocol import topics
from shared.protocol.errors import BadPayload
from shared.protocol.payloads import UP, Association, Unassociated, decode_association
from shared.protocol.topics import BridgeNames


@dataclass
class Drift:
    """Device ids of lamps whose retained messages differ from the database."""

    missing: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    ghost: set[str] = field(default_factory=set)
    leftover: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.ghost or self.leftover)

    def both(self, other: "Drift") -> "Drift":
        """Return the intersection of two scans; a difference in only one was a change in progress."""
        return Drift(
            self.missing & other.missing,
            self.stale & other.stale,
            self.ghost & other.ghost,
            self.leftover & other.leftover,
        )


def count_lamps() -> int:
    """Return how many lamps are compared."""
    count: int = Lampi.select().count()
    return count


def find_drift(broker: BrokerUrl, names: BridgeNames, progress: Callable[[int], object]) -> Drift:
    """Return the lamps whose retained message differs from the database; ``progress`` is called with counts of lamps.

    Messages in the outbox don't count as drift: the daemon is about to publish them.

    Raises:
        BrokerAway: the broker does not respond, or stops sending before the end.
    """
    drift = _scan(broker, names, progress)
    return drift.both(_scan(broker, names, lambda _count: None)) if drift else drift


def repair(drift: Drift, now: datetime) -> None:
    """Enqueue missing and stale messages, withdraw those of orphans, and have leftovers cleared.

    Raises:
        UnusableDatabase: the database is empty, and the messages of all the broker's lamps would be withdrawn.
    """
    if (drift.ghost or drift.leftover) and outbox.last_version() == 0:
        raise UnusableDatabase(
            "This database is empty, and the broker has lamps of another one. Nothing was changed; check the database "
            "URL, or restore a backup."
        )
    for chunk in chunked(sorted(drift.missing | drift.stale), ROWS_A_STATEMENT):
        with write_transaction():
            enqueue_state(list(Lampi.select().where(Lampi.device_id.in_(list(chunk)))))
            reopen(drift.stale.intersection(chunk))  # their popups may show a code of the other message
    withdraw_orphans(sorted(drift.ghost | drift.leftover), now)


def _scan(broker: BrokerUrl, names: BridgeNames, progress: Callable[[int], object]) -> Drift:
    drift = Drift()
    seen = array("Q")
    for batch in retained_associations(broker, "reconcile"):
        seen.extend(int(device_id, 16) for device_id in batch)
        _compare(batch, drift)
        progress(len(batch))
    _find_missing(set(seen), drift)
    drift.leftover = _left_by_unknown(broker, names) - drift.ghost
    return drift


def _left_by_unknown(broker: BrokerUrl, names: BridgeNames) -> set[str]:
    """Return the device ids of topics whose lamps are neither in the database nor connected, so about to register."""
    left: set[str] = set()
    connected: set[str | None] = set()
    for batch in retained_batches(broker, "reconcile", [topics.LAMPS_FILTER, topics.PRESENCE_FILTER]):
        left |= _unknown(batch, names)
        connected |= {topics.parse_bridge(message.topic, names) for message in batch if message.payload == UP}
    left -= connected
    return left - _pending(left)


def _unknown(batch: Iterable[Message], names: BridgeNames) -> set[str]:
    """Return the device ids of unknown lamps with any message but presence and the association.

    Presence is never cleared (see `LeftoverSweep`), and `_compare` reads the association.
    """
    of_lamps = [
        (owner_of(message.topic, names), message.topic)
        for message in batch
        if topics.parse_bridge(message.topic, names) is None
    ]
    owners = {owner for owner, topic in of_lamps if owner is not None and topic != associated_topic(owner)}
    return owners - {found for (found,) in Lampi.select(Lampi.device_id).where(Lampi.device_id.in_(owners)).tuples()}


def _compare(batch: dict[str, bytes], drift: Drift) -> None:
    """Compare one batch of retained messages with the database."""
    lamps = {lampi.device_id: lampi for lampi in Lampi.select().where(Lampi.device_id.in_(list(batch)))}
    terms = announced_terms(lamps.values())
    different = {
        device_id
        for device_id, payload in batch.items()
        if device_id not in lamps or not _says(payload, association_of(lamps[device_id], terms))
    }
    for device_id in different - _pending(different):
        (drift.stale if device_id in lamps else drift.ghost).add(device_id)


def _find_missing(seen: set[int], drift: Drift) -> None:
    last = ""
    while page := _lamps_after(last):
        last = page[-1]
        missing = {device_id for device_id in page if int(device_id, 16) not in seen}
        drift.missing |= missing - _pending(missing)


def _lamps_after(device_id: str) -> list[str]:
    """Return a page of the lamps whose messages are not withdrawn."""
    said = (Lampi.device_id > device_id) & (Lampi.user.is_null(False) | Lampi.code_due_at.is_null())
    page = Lampi.select(Lampi.device_id).where(said).order_by(Lampi.device_id)
    return [found for (found,) in page.limit(ROWS_A_STATEMENT).tuples()]


def _pending(device_ids: Iterable[str]) -> set[str]:
    by_topic = {associated_topic(device_id): device_id for device_id in device_ids}
    rows = OutboxMessage.select(OutboxMessage.topic).where(OutboxMessage.topic.in_(list(by_topic))).tuples()
    return {by_topic[topic] for (topic,) in rows}


def _says(payload: bytes, expected: Association | None) -> bool:
    try:
        published = decode_association(payload)
    except BadPayload:
        return False
    if isinstance(published, Unassociated) and isinstance(expected, Unassociated):
        published = replace(published, good_for=expected.good_for)  # a changed lifetime is published with the next code
    return published == expected
