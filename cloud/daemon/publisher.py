"""The publisher: sends the outbox to the broker and removes what the broker has accepted."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from cloud.daemon.accepted import log_accepted
from cloud.daemon.channel import Channel
from cloud.daemon.mqtt_link import WINDOW
from cloud.daemon.own_messages import OwnMessages
from cloud.daemon.refusals import Refusals
from cloud.daemon.verification import Verification
from cloud.mqtt import reasons
from cloud.mqtt.outcomes import Outcomes
from cloud.store import outbox
from cloud.store.outbox import Pending
from shared.mqtt.messages import Publication
from shared.protocol import topics
from shared.protocol.payloads import WITHDRAWN, HighWaterMark

log = logging.getLogger(__name__)

WORTHWHILE = WINDOW // 4
"""Minimum batch size for publishing and for removing accepted rows while other messages are unconfirmed: each batch
costs a query or a disk sync."""

WITHDRAWN_SECONDS = 60
"""How long a broker with MQTT 5 retains a withdrawn message; connected lamps get it at once."""


class Publisher:
    """Publishes the outbox, oldest first, across reconnects; withdrawn messages expire after ``withdrawn_seconds``.

    What was sent, has no outcome pending and is still in the outbox is retried: refused messages in rounds.
    """

    def __init__(self, outlet: Channel, withdrawn_seconds: int = WITHDRAWN_SECONDS) -> None:
        self._outlet = outlet
        self._expiries = {WITHDRAWN: withdrawn_seconds}
        self.refusals = Refusals(outlet.leads)
        self._own = OwnMessages(outlet, self.refusals)
        self._verification: Verification | None = None
        self._is_narrow = False
        self._sent_side_by_side: set[int] = set()
        self._under_way: dict[int, Pending] = {}
        self._unverified: dict[int, Pending] = {}
        self._accepted: set[int] = set()
        self._sent_up_to = self._tried_up_to = 0
        self._retrying: set[int] = set()
        self._tried = self._refused_again = 0

    @property
    def sent_up_to(self) -> int:
        """The highest version that was published on this connection."""
        return self._sent_up_to

    @property
    def idle(self) -> bool:
        """True if all messages have outcomes, accepted rows are removed, and the published mark is up to date."""
        return not (self._under_way or self._unverified or self._accepted) and self._own.idle

    def start_over(self, verification: Verification | None = None) -> None:
        """Start over on a new connection: everything in the outbox is published again.

        With ``verification`` the broker's confirmations are not trusted: rows are removed after they were read back.
        """
        self._verification = verification
        self._is_narrow = False
        self._sent_side_by_side.clear()
        self._under_way.clear()
        self._unverified.clear()
        self._accepted.clear()  # the broker may have lost these since; publishing them again does no harm
        self._retrying.clear()
        self._sent_up_to = self._tried_up_to = 0
        self._own.start_over()
        self.refusals.start_over()

    def take_over_mark(self, compute: Callable[[int], HighWaterMark]) -> None:
        """Publish the high-water mark from now on; ``compute`` derives it from the confirmed version.

        The broker's mark must have been read before, since a new one would hide what the broker lost.
        """
        self._own.take_over_mark(compute)

    def conclude(self, outcomes: Outcomes, monotonic: float) -> None:
        """Process the outcomes of messages published on this connection."""
        self.refusals.connection_accepted()
        for number in outcomes.accepted:
            message = self._under_way.pop(number, None)
            if message is None:
                self._own.accept(number)
            elif self._verification is None:
                self._accept(message)
            else:
                self._unverified[number] = message
        for number, reason in outcomes.refused:
            message = self._under_way.pop(number, None)
            if message is None:
                self._own.refuse(number, reason, monotonic)
            else:
                self._refuse(message, reason, monotonic)
        for number in outcomes.over_quota:
            message = self._under_way.pop(number, None)
            if message is None:
                self._own.publish_again(number)
            else:
                self._try_again_at_once(message)

    def keeps_up(self) -> bool:
        """Return whether new messages would be published soon: few are unconfirmed and none are queued."""
        return len(self._under_way) <= WINDOW // 2 and not self.has_pending()

    def has_pending(self) -> bool:
        """Return whether the outbox has messages not yet published on this connection."""
        return outbox.newest_version() > self._sent_up_to

    def pump(self, now: datetime, monotonic: float) -> None:
        """Remove accepted rows and publish new ones, within the window."""
        if not self._outlet.is_open:
            self.refusals.record(now, monotonic, settled=False)
            return
        if self._verification is not None:
            self._verify(self._verification, monotonic)
        if len(self._accepted) >= WORTHWHILE or (self._accepted and not self._under_way):
            outbox.remove(self._accepted)
            self._accepted.clear()
            self._own.note_removal()
        self._own.publish(monotonic)
        newest = outbox.newest_version()
        has_pending = newest > self._sent_up_to
        if has_pending and self._room() >= WORTHWHILE:
            self._send(outbox.pending(after=self._sent_up_to, limit=self._room()))
        settled = not (has_pending or self._under_way or self._unverified)
        if newest and settled and not self.refusals.has_refused:
            self.refusals.hurry()  # PostgreSQL crashed before it had written a removal: accepted rows are back
        if self.refusals.due(monotonic) and not self._retrying and self._room() >= WORTHWHILE:
            self._retry(monotonic)
        self.refusals.record(now, monotonic, settled=settled)

    def _room(self) -> int:
        return WINDOW - len(self._under_way) - len(self._unverified)

    def _send(self, messages: Sequence[Pending]) -> bool:
        """Publish messages; they are registered first, since outcomes arrive on another thread."""
        self._under_way.update((message.version, message) for message in messages)
        how, expiry_of = topics.ASSOCIATED, self._expiries.get
        numbered = [
            (each.version, Publication(each.topic, each.payload, how.qos, how.retain, expiry_of(each.payload)))
            for each in messages
        ]
        if not self._outlet.publish(numbered):
            for message in messages:
                del self._under_way[message.version]
            return False
        if messages:
            self._sent_up_to = max(self._sent_up_to, messages[-1].version)
        return True

    def _retry(self, monotonic: float) -> None:
        """Retry a portion of the refused messages: rows that were sent and have no outcome pending.

        The portions of a round follow each other at once; the pause is between rounds.
        """
        if not self._tried_up_to:
            self.refusals.begin_round()
            self._tried = self._refused_again = 0
        rows = outbox.pending(after=self._tried_up_to, limit=WORTHWHILE)
        rows = [row for row in rows if row.version <= self._sent_up_to]
        settled = (self._under_way, self._unverified, self._accepted)
        again = [row for row in rows if not any(row.version in these for these in settled)]
        if not rows:
            self._tried_up_to = 0
            self.refusals.end_round(monotonic, longer=self._refused_again == self._tried)
        elif not again or self._send(again):
            self._tried_up_to = rows[-1].version
            self._retrying = {row.version for row in again}
            self._tried += len(again)

    def _accept(self, message: Pending) -> None:
        self._accepted.add(message.version)
        self._retrying.discard(message.version)
        log_accepted(message)

    def _refuse(self, message: Pending, reason: int, monotonic: float) -> None:
        self.refusals.add(reason, message.topic, monotonic)
        if message.version in self._retrying:
            self._retrying.discard(message.version)
            self._refused_again += 1

    def _try_again_at_once(self, message: Pending) -> None:
        self._retrying.discard(message.version)
        self._tried_up_to = 0
        self.refusals.hurry()

    def _verify(self, verification: Verification, monotonic: float) -> None:
        """Process the messages that were read back, since this broker can't report refusals."""
        verdict = verification.verdict()
        if verdict is not None:
            for version, message in verdict.batch.items():
                if self._unverified.pop(version, None) is None:
                    continue  # from an earlier connection
                if version not in verdict.lost:
                    self._accept(message)
                elif self._is_narrow and version not in self._sent_side_by_side:
                    self._refuse(message, reasons.NOT_RETAINED, monotonic)
                else:
                    self._sent_side_by_side.discard(version)
                    self._try_again_at_once(message)
            if verdict.lost and not self._is_narrow:
                self._is_narrow = True
                self._sent_side_by_side = {*self._under_way, *self._unverified}
                self._outlet.narrow()
                log.warning("The broker lost messages that it had confirmed; sending one at a time")
        if self._unverified and not verification.is_reading and not (self._under_way and self._room() >= WORTHWHILE):
            verification.begin(dict(self._unverified))
