"""What one connection to the broker has told the daemon so far."""

import logging
import uuid

from cloud.agreement.healing import Healing
from cloud.daemon.presence import RollCall
from cloud.mqtt.listener import Session as BrokerSession
from shared.payloads import HighWaterMark

log = logging.getLogger(__name__)

PROBE_AGAIN_SECONDS = 10.0
"""After how long a probe that did not come back is sent again: a broker that drops messages drops it, too."""

FIRST_ASK_PAUSE_SECONDS = 15.0
LONGEST_ASK_PAUSE_SECONDS = 3600.0

LONGEST_CROWD_SECONDS = 60.0
"""How long the roll is left open at most while more lamps arrive than can be dealt with."""


class Session:
    """From one acceptance by the broker to the loss of that connection."""

    def __init__(self, of_link: BrokerSession) -> None:
        self.of_link = of_link
        self.mark: HighWaterMark | None = None
        self.healing: Healing | None = None
        self.newest_before: int | None = None
        self._dropped: int | None = None
        self._ask_at = 0.0
        self._ask_pause = FIRST_ASK_PAUSE_SECONDS
        self.begin_reading()

    def begin_reading(self) -> None:
        """Expect all that the broker retains, and after it the probe with a new word."""
        self.roll: RollCall | None = RollCall()
        self.word = uuid.uuid4().hex.encode()
        self._probed_at: float | None = None
        self._read_at: float | None = None

    @property
    def is_healed(self) -> bool:
        """True once all that the broker had lost is enqueued."""
        return self.healing is not None and self.healing.done

    @property
    def all_is_read(self) -> bool:
        """True once all has come that the broker retained."""
        return self._read_at is not None

    def probe_is_due(self, monotonic: float) -> bool:
        """Tell whether the probe should be sent (again), and count it as sent."""
        if self.roll is None or self.all_is_read:
            return False
        if self._probed_at is not None and monotonic < self._probed_at + PROBE_AGAIN_SECONDS:
            return False
        self._probed_at = monotonic
        return True

    def note_probe(self, word: bytes, monotonic: float) -> None:
        """Take in a probe that came back."""
        if word == self.word:
            self._read_at = monotonic

    def roll_is_due(self, crowded: bool, monotonic: float) -> bool:
        """Tell whether to settle the roll; in a crowd it can wait, who comes in it is not gone, and others are new."""
        return self._read_at is not None and (not crowded or monotonic >= self._read_at + LONGEST_CROWD_SECONDS)

    def note_presence(self, device_id: str, up: bool) -> None:
        """Put a lamp on the roll while it is called."""
        if up and self.roll is not None:
            self.roll.add(device_id)

    def note_dropped(self, count: int, monotonic: float) -> bool:
        """Take in Mosquitto's count; return whether it is time to ask for all states again.

        The count is of all clients together: while another one's queue overflows, the pauses grow.
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
            "The broker dropped %d messages, perhaps lamps' states: asking for all of them again. "
            "Set max_queued_messages to 100000000 in mosquitto.conf",
            count - before,
        )
        return True
