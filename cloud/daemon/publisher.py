"""The single publisher: from the outbox to the broker, and out of the outbox once the broker has confirmed."""

import logging
from collections.abc import Callable
from contextlib import suppress

from cloud import outbox
from cloud.outbox import Pending
from shared import topics
from shared.errors import BadTopic
from shared.logs import about
from shared.messages import Publication
from shared.payloads import CLEARED, Associated, HighWaterMark

log = logging.getLogger(__name__)

WINDOW = 2000
"""Messages handed over and not yet confirmed; the link has few of them on the wire at once (`mqtt.MOST_IN_FLIGHT`)
and the others ready to follow, so that a slow commit of ours does not leave the wire idle."""

WORTHWHILE = WINDOW // 4
"""While others are under way, so many messages are published together, and the rows of so many that are confirmed are
removed together: each look asks the database, and each removal forces the disk."""

_ASSOCIATED = Associated().encode().rstrip(b"}")
"""How every message of a lamp that has an owner begins, with or without a name."""


class Publisher:
    """Publishes what the outbox holds, oldest first, over a connection that may come and go."""

    def __init__(self, publish: Callable[[Publication], int | None]) -> None:
        self._publish = publish
        self._under_way: dict[int, Pending] = {}
        self._confirmed: set[int] = set()
        self._sent_up_to = 0
        self._mark_under_way: int | None = None
        self._reckon_mark: Callable[[int], HighWaterMark] | None = None
        self._mark_may_have_moved = True

    @property
    def idle(self) -> bool:
        """True where all that was sent has been confirmed and removed, and the broker's mark says so."""
        mark_is_said = self._mark_under_way is None and (self._reckon_mark is None or not self._mark_may_have_moved)
        return not self._under_way and not self._confirmed and mark_is_said

    def start_over(self) -> None:
        """Begin anew on a new connection: what the last one did not confirm is said again."""
        self._under_way.clear()
        self._confirmed.clear()  # not removed yet, and the broker may have lost it since: said again, it does no harm
        self._sent_up_to = 0
        self._mark_under_way = None
        self._reckon_mark = None

    def take_over_mark(self, reckon: Callable[[int], HighWaterMark]) -> None:
        """Publish the high-water mark from now on, as it is reckoned from the version up to which all is confirmed.

        The broker's own must have been read before: a new one would hide what it lost.
        """
        self._reckon_mark = reckon
        self._mark_may_have_moved = True

    def confirm(self, number: int) -> None:
        """Take in that the broker has confirmed the message that was published under this number."""
        if number == self._mark_under_way:
            self._mark_under_way = None
        message = self._under_way.pop(number, None)
        if message is not None:
            self._confirmed.add(message.version)
            _say(message)

    def keeps_up(self) -> bool:
        """Tell whether what is enqueued now is soon said: what is under way is little, and nothing waits behind it."""
        return len(self._under_way) <= WINDOW // 2 and not self.has_news()

    def has_news(self) -> bool:
        """Tell whether the outbox holds what was not published yet over this connection."""
        return outbox.newest_version() > self._sent_up_to

    def pump(self) -> None:
        """Remove what is confirmed and publish what is new, as far as the window has room."""
        if len(self._confirmed) >= WORTHWHILE or (self._confirmed and not self._under_way):
            outbox.remove(self._confirmed)
            self._confirmed.clear()
            self._mark_may_have_moved = True
        if self._reckon_mark is not None and self._mark_may_have_moved and self._mark_under_way is None:
            self._publish_mark(self._reckon_mark(outbox.confirmed_up_to()))
        room = WINDOW - len(self._under_way)
        if room < WORTHWHILE or not self.has_news():
            return
        for message in outbox.pending(after=self._sent_up_to, limit=room):
            number = self._publish(_publication(message.topic, message.payload, topics.ASSOCIATED))
            if number is None:
                return
            self._under_way[number] = message
            self._sent_up_to = message.version

    def _publish_mark(self, mark: HighWaterMark) -> None:
        """Retain beside the messages up to where they go: both are then in the same saved store, or in none."""
        self._mark_under_way = self._publish(_publication(topics.HIGH_WATER_MARK, mark.encode(), topics.MARK_DELIVERY))
        self._mark_may_have_moved = self._mark_under_way is None


def _publication(topic: str, payload: bytes, delivery: topics.Delivery) -> Publication:
    return Publication(topic, payload, delivery.qos, delivery.retain)


def _say(message: Pending) -> None:
    """Log what the broker has confirmed; that a code was told is of interest only to who looks for a fault."""
    matters = message.payload == CLEARED or message.payload.startswith(_ASSOCIATED)
    if not matters and not log.isEnabledFor(logging.DEBUG):
        return
    with suppress(BadTopic):
        device_id = topics.parse_associated(message.topic)
        if message.payload == CLEARED:
            log.info("Cleared what the broker retained for the lamp %s", device_id, extra=about(device_id))
        elif message.payload.startswith(_ASSOCIATED):
            log.info("Told the lamp %s that it is associated", device_id, extra=about(device_id))
        else:
            log.debug("Told the lamp %s its code", device_id, extra=about(device_id))
