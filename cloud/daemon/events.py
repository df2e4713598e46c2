"""What reaches the daemon from the broker, and the one queue through which it comes."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cloud.bulk import ROWS_A_STATEMENT
from cloud.mqtt.listener import Session
from cloud.mqtt.protocol import Outcomes
from shared.payloads import HighWaterMark


@dataclass(frozen=True)
class Connection:
    """Our own connection to the broker came up, as this session, or was lost."""

    session: Session | None


@dataclass(frozen=True)
class TurnedAway:
    """The broker refused the connection, for this reason code."""

    reason: int


class Presence(NamedTuple):
    """A lamp's bridge came up or went down."""

    device_id: str
    up: bool


@dataclass(frozen=True)
class Outcome:
    """What became of messages that were published over a session."""

    session: Session
    outcomes: Outcomes


@dataclass(frozen=True)
class Probe:
    """Our own word came back: all that the broker retained had come before it."""

    word: bytes


@dataclass(frozen=True)
class Dropped:
    """How many messages the broker has dropped since it was started."""

    count: int


Event = Connection | TurnedAway | Presence | Outcome | HighWaterMark | Probe | Dropped


class Inbox:
    """Filled on the link's thread, emptied on the daemon's; bounded: a storm waits in the network and not here.

    Outcomes come before all else: behind a storm they would let the publisher run dry.
    """

    MOST_WAITING = 30_000
    """Enough that the link's thread is through with most crowds, and can publish, while the database is written."""

    MOST_AT_ONCE = 4 * ROWS_A_STATEMENT
    """Registering so many new lamps takes less than a lease lasts, on a slow disk, too."""

    def __init__(self) -> None:
        # Not a SimpleQueue: when a signal arrives as its timeout ends, CPython 3.11's waits for ever, deaf to TERM.
        lock = threading.Lock()
        self._filled, self._emptied = threading.Condition(lock), threading.Condition(lock)
        self._outcomes: list[Event] = []
        self._events: list[Event] = []
        self._woken = False
        self._closed = False

    @property
    def is_crowded(self) -> bool:
        """True where more waits than is taken at once."""
        return len(self._events) > self.MOST_AT_ONCE

    def put(self, event: Event) -> None:
        """Add an event; returns at once, and may be called on any thread."""
        with self._filled:
            (self._outcomes if isinstance(event, Outcome) else self._events).append(event)
            self._filled.notify()

    def wake(self) -> None:
        """End the wait of whoever takes, also where there is nothing; may be called on any thread."""
        with self._filled:
            self._woken = True
            self._filled.notify()

    def put_patiently(self, events: Sequence[Event]) -> None:
        """Add events when there is room; only where the caller holds nothing that the daemon's thread may need."""
        with self._filled:
            if len(self._events) >= self.MOST_WAITING:
                self._emptied.wait_for(lambda: self._closed or len(self._events) < self.MOST_WAITING)
            self._events.extend(events)
            self._filled.notify()

    def take(self, seconds: float, most: int = MOST_AT_ONCE) -> list[Event]:
        """Wait for an event or `wake`, at most so long; return all outcomes and up to so many other events."""
        with self._filled:
            if not (self._events or self._outcomes or self._woken):
                self._filled.wait(seconds)
            self._woken = False
            taken, self._events = self._outcomes + self._events[:most], self._events[most:]
            self._outcomes = []
            self._emptied.notify()
        return taken

    def close(self) -> None:
        """Let nobody wait for room any more: nothing will be taken."""
        with self._emptied:
            self._closed = True
            self._emptied.notify_all()
