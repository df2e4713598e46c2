"""The daemon's own messages beside those of lamps: the high-water mark, and the state after a refusal or a quota."""

from collections.abc import Callable

from cloud.daemon.channel import Channel
from cloud.daemon.mqtt_link import LEFTOVER, MARK, PROBE, REQUEST, STATE, state
from cloud.daemon.refusals import Refusals
from cloud.store import outbox
from shared.mqtt.messages import Publication
from shared.protocol import topics
from shared.protocol.payloads import UP, HighWaterMark

OWN_PAUSE_SECONDS = 5.0
"""Delay before one of the daemon's own messages is retried after a refusal."""

OWN_TOPICS = {MARK: topics.HIGH_WATER_MARK, PROBE: topics.PROBE, STATE: topics.STATE}


class OwnMessages:
    """Publishes the mark whenever it may have moved, and retries what the broker refused."""

    def __init__(self, outlet: Channel, refusals: Refusals) -> None:
        self._outlet = outlet
        self._refusals = refusals
        self._mark_is_under_way = self._state_is_due = False
        self._publish_at = 0.0
        self._compute_mark: Callable[[int], HighWaterMark] | None = None
        self._mark_may_have_moved = True

    @property
    def idle(self) -> bool:
        """True if the published mark is up to date, or refused."""
        mark_is_sent = self._compute_mark is None or not self._mark_may_have_moved or MARK in self._refusals.own
        return mark_is_sent and not self._mark_is_under_way

    def start_over(self) -> None:
        """Start over on a new connection, whose mark must be read before it is replaced."""
        self._mark_is_under_way = self._state_is_due = False
        self._publish_at = 0.0
        self._compute_mark = None

    def take_over_mark(self, compute: Callable[[int], HighWaterMark]) -> None:
        """Publish the high-water mark from now on; ``compute`` derives it from the confirmed version."""
        self._compute_mark = compute
        self._mark_may_have_moved = True

    def note_removal(self) -> None:
        """Record that rows were removed from the outbox, which moves the mark."""
        self._mark_may_have_moved = True

    def accept(self, number: int) -> None:
        """Process the broker's confirmation of one of these messages."""
        self._mark_is_under_way = self._mark_is_under_way and number != MARK
        self._refusals.own.pop(number, None)

    def refuse(self, number: int, reason: int, monotonic: float) -> None:
        """Process the broker's refusal of one of these messages; it is retried after a pause."""
        if number in (LEFTOVER, REQUEST):  # the sweep reads whether it was cleared; the lamp doesn't answer a request
            return
        if number == MARK:
            self._mark_is_under_way = False
            self._mark_may_have_moved = True
        self._publish_at = monotonic + OWN_PAUSE_SECONDS
        self._refusals.add_own(number, reason, OWN_TOPICS[number])

    def publish_again(self, number: int) -> None:
        """Publish one of these messages again, which exceeded the broker's quota."""
        if number == MARK:
            self._mark_is_under_way = False
            self._mark_may_have_moved = True
        self._state_is_due = self._state_is_due or number == STATE

    def publish(self, monotonic: float) -> None:
        """Publish the mark as a retained message: the broker saves it together with the messages that it covers."""
        if monotonic < self._publish_at:
            return
        is_refused = STATE in self._refusals.own  # until it is accepted
        if is_refused:
            self._publish_at = monotonic + OWN_PAUSE_SECONDS
        if is_refused or self._state_is_due:
            self._state_is_due = False
            self._outlet.publish([(STATE, state(UP))])
        if self._compute_mark is not None and self._mark_may_have_moved and not self._mark_is_under_way:
            mark, delivery = self._compute_mark(outbox.confirmed_up_to()), topics.MARK_DELIVERY
            publication = Publication(topics.HIGH_WATER_MARK, mark.encode(), delivery.qos, delivery.retain)
            self._mark_is_under_way = self._outlet.publish([(MARK, publication)])
            self._mark_may_have_moved = not self._mark_is_under_way
