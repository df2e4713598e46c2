"""Leftovers: what the broker retains below the topics of deleted lamps, which only the lamps themselves wrote."""

import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta

from cloud.errors import BrokerAway, BrokerSilent
from cloud.reconciliation.retained import retained_batches
from cloud.store.tombstones import Tombstone, associated_topic
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Message, Publication
from shared.protocol import topics
from shared.protocol.payloads import CLEARED, UP
from shared.protocol.topics import COURSE_BRIDGES, BridgeNames

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0

MOST_LAMPS = 50
"""Lamps per connection: a few kilobytes of subscriptions."""

MOST_TOPICS = 2000
"""Maximum number of messages that one round clears; a lamp with more takes several rounds."""

MOST_ATTEMPTS = 3
"""How often the same messages, or all that there were, are cleared. A lost connection may have dropped some, a broker
may refuse them, or a lamp that is not shut out may write new ones: other lamps' leftovers must not wait for it."""

SILENCE_SECONDS = 3.0

FORGOTTEN_WITHIN = timedelta(days=7)
"""Lamps that were deleted before a restart are handled again: what was under way is not stored, and the daemon may have
been stopped since. `reconcile` finds what older ones left."""


class LeftoverSweep:
    """Clears the leftovers of lamps in the order of their tombstones, a few at a time.

    A thread reads them over a connection of its own, which subscribes to these lamps' topics alone, until nothing is
    left. A lamp that is connected, by its state on one of ``presence_filters``, keeps its topics: it registers again
    when it connects the next time. Presence itself is never cleared: a lamp may connect in that very moment, over a
    connection on which the daemon doesn't hear it any more, and nobody would ever know.
    """

    def __init__(self, broker: BrokerUrl, presence_filters: Sequence[str], names: BridgeNames = COURSE_BRIDGES) -> None:
        self._broker = broker
        self._names = names
        self._presence = [topics.filter_pattern(each) for each in presence_filters]
        self._reader: threading.Thread | None = None
        self._device_ids: list[str] = []
        self._found: list[Message] | None = None
        self._read_up_to = 0
        self._swept_up_to: int | None = None
        self._cleared: list[str] = []
        self._attempts = 0
        self._check_at = 0.0

    def step(self, now: datetime, monotonic: float) -> list[Publication]:
        """Start to read leftovers, or return the messages that clear those that were read."""
        if self._reader is not None and self._reader.is_alive():
            return []
        if self._found is not None:
            found, self._found = self._found, None
            return self._clearing(found)
        if monotonic >= self._check_at:
            self._check_at = monotonic + CHECK_SECONDS
            self._begin(now)
        return []

    def _begin(self, now: datetime) -> None:
        if self._swept_up_to is None:
            self._swept_up_to = Tombstone.newest_before(now - FORGOTTEN_WITHIN)
        due = Tombstone.after(self._swept_up_to, MOST_LAMPS)
        if due:
            self._device_ids, self._read_up_to = [device_id for device_id, _version in due], due[-1][1]
            self._reader = threading.Thread(target=self._read, name="leftovers", daemon=True)
            self._reader.start()

    def _read(self) -> None:
        try:
            self._found = leftovers_of(self._broker, self._device_ids, self._names)
        except BrokerAway as away:
            log.info("%s Retrying the clearing of deleted lamps' messages soon", away)
        except Exception:
            log.exception("Reading deleted lamps' messages failed; retrying")

    def _clearing(self, found: Sequence[Message]) -> list[Publication]:
        """Return what clears the leftovers of those lamps that are still deleted and are not connected.

        They are read again until nothing is left, or several attempts have changed nothing or left new ones.
        """
        owners = {each.topic: owner_of(each.topic, self._names) for each in found}
        connected = {owners[each.topic] for each in found if each.payload == UP and self._is_presence(each.topic)}
        deleted = set(Tombstone.among(self._device_ids)) - connected
        leftovers = [topic for topic, owner in owners.items() if owner in deleted and not self._is_presence(topic)]
        makes_progress = len(found) == MOST_TOPICS and leftovers != self._cleared
        self._attempts = 1 if makes_progress else self._attempts + 1
        self._cleared = leftovers
        if not leftovers or self._attempts > MOST_ATTEMPTS:
            if leftovers:
                log.warning(
                    "The broker keeps %d messages of deleted lamps; does it let the daemon write, or do they write on?",
                    len(leftovers),
                )
            self._swept_up_to, self._cleared, self._attempts = self._read_up_to, [], 0
            return []
        if self._attempts == 1:
            log.info("Clearing %d retained messages of deleted lamps", len(leftovers))
        return [Publication(topic, CLEARED, qos=1, retain=True) for topic in leftovers]

    def _is_presence(self, topic: str) -> bool:
        return any(pattern.fullmatch(topic) for pattern in self._presence)


def leftovers_of(broker: BrokerUrl, device_ids: Sequence[str], names: BridgeNames) -> list[Message]:
    """Return up to `MOST_TOPICS` messages that the broker retains for these lamps, presence first.

    Without the association, which the outbox withdraws and the broker lets expire.

    Raises:
        BrokerAway: the broker can't be reached.
    """
    filters = [topic for device_id in device_ids for topic in topics.presence_topics(device_id, names)]
    filters += [topics.subtree(device_id) for device_id in device_ids]
    own = {associated_topic(device_id) for device_id in device_ids}
    found: list[Message] = []
    with closing(retained_batches(broker, "leftovers", filters, silence_seconds=SILENCE_SECONDS)) as batches:
        try:
            for batch in batches:
                found += [message for message in batch if message.topic not in own]
                if len(found) >= MOST_TOPICS:
                    break
        except BrokerSilent:  # it refuses the end marker: use what has arrived
            pass
    return found[:MOST_TOPICS]


def owner_of(topic: str, names: BridgeNames) -> str | None:
    """Return the device id of the lamp that a topic belongs to, or None."""
    return topics.parse_presence(topic, names) or topics.parse_subtree(topic)
