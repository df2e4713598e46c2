"""State of the daemon's current connection to the broker."""

import logging
import uuid
from datetime import datetime

from cloud.daemon.presence import PresenceSnapshot
from cloud.mqtt.listener import Session as BrokerSession
from cloud.reconciliation.replay import Replay
from shared.protocol.payloads import HighWaterMark

log = logging.getLogger(__name__)

PROBE_AGAIN_SECONDS = 10.0
"""A probe that did not come back is resent after this time: a broker that drops messages may have dropped it."""

MARK_SECONDS = 1.0
"""How long the probe waits for the mark over MQTT 3.1.1: a cluster may forward it before what it retains."""

FIRST_ASK_PAUSE_SECONDS = 15.0
LONGEST_ASK_PAUSE_SECONDS = 3600.0

FIRST_SUBSCRIBE_PAUSE_SECONDS = 5.0
LONGEST_SUBSCRIBE_PAUSE_SECONDS = 60.0

LONGEST_BURST_SECONDS = 60.0
"""Maximum delay of processing the presence snapshot while lamps arrive faster than they are handled."""


class Session:
    """State of one connection, from its acceptance by the broker to its loss."""

    def __init__(self, of_link: BrokerSession) -> None:
        self.of_link = of_link
        self.mark: HighWaterMark | None = None
        self.replay: Replay | None = None
        self.newest_before: int | None = None
        self.misses_presence = False
        self._dropped: int | None = None
        self._subscribe_at: float | None = None
        self._subscribe_pause = FIRST_SUBSCRIBE_PAUSE_SECONDS
        self._ask_at = 0.0
        self._ask_pause = FIRST_ASK_PAUSE_SECONDS
        self.begin_reading()

    def begin_reading(self) -> None:
        """Expect all retained messages and then a new probe."""
        self.snapshot: PresenceSnapshot | None = PresenceSnapshot()
        self.word = uuid.uuid4().hex.encode()
        self._probed_at: float | None = None
        self._read_at: float | None = None
        self.settling_since: datetime | None = None
        self.followed_since: datetime | None = None
        self._reading_since: float | None = None

    def note_settled(self) -> None:
        """Record that the snapshot is settled: presence is followed without a gap from before its first page on."""
        self.snapshot, self.followed_since = None, self.settling_since

    @property
    def is_replayed(self) -> bool:
        """True once all messages that the broker lost are enqueued."""
        return self.replay is not None and self.replay.done

    @property
    def all_is_read(self) -> bool:
        """True once all retained messages have arrived."""
        return self._read_at is not None

    def subscribing_is_due(self, monotonic: float) -> bool:
        """Return whether to subscribe again, since the broker refuses a subscription; the pauses grow."""
        if self._subscribe_at is None:
            self._subscribe_at = monotonic + self._subscribe_pause
            self._subscribe_pause = min(2 * self._subscribe_pause, LONGEST_SUBSCRIBE_PAUSE_SECONDS)
        if monotonic < self._subscribe_at:
            return False
        self._subscribe_at = None
        return True

    def probe_is_due(self, monotonic: float) -> bool:
        """Return whether to send the probe (again), and record it as sent."""
        if self.snapshot is None or self.all_is_read:
            return False
        if self._reading_since is None:
            self._reading_since = monotonic
        waits_for_mark = self.mark is None and not self.of_link.reports_refusals
        if waits_for_mark and monotonic < self._reading_since + MARK_SECONDS:
            return False
        if self._probed_at is not None and monotonic < self._probed_at + PROBE_AGAIN_SECONDS:
            return False
        self._probed_at = monotonic
        return True

    def note_probe(self, word: bytes, monotonic: float) -> None:
        """Process a probe that came back."""
        if word == self.word:
            self._read_at = monotonic

    def snapshot_is_due(self, crowded: bool, monotonic: float) -> bool:
        """Return whether to process the snapshot. During a burst it can wait: lamps in the burst are online."""
        return self._read_at is not None and (not crowded or monotonic >= self._read_at + LONGEST_BURST_SECONDS)

    def note_presence(self, device_id: str, up: bool, stock: bool) -> None:
        """Add a connected lamp to the presence snapshot while it is open."""
        if up and self.snapshot is not None:
            self.snapshot.add(device_id, stock)

    def note_dropped(self, count: int, monotonic: float) -> bool:
        """Process Mosquitto's count of dropped messages; return whether to request all states again.

        The count covers all clients: while another client's queue overflows, the intervals grow.
        """
        before = self._dropped
        if before is None or count < before:
            self._dropped = count
            return False
        if count == before or monotonic < self._ask_at:
            return False
        self._dropped = count
        self._ask_at = monotonic + self._ask_pause
        self._ask_pause = min(2 * self._ask_pause, LONGEST_ASK_PAUSE_SECONDS)
        log.error(
            "The broker dropped %d messages, possibly presence: requesting all states again. "
            "Set max_queued_messages to 100000000 in mosquitto.conf",
            count - before,
        )
        return True
