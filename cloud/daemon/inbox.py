"""Events from the broker and the queue that carries them to the daemon."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.mqtt.listener import Session
from cloud.mqtt.outcomes import Outcomes
from shared.protocol.payloads import HighWaterMark


@dataclass(frozen=True)
class ConnectionChanged:
    """The daemon's connection was established (``session``) or lost (None)."""

    session: Session | None


@dataclass(frozen=True)
class ConnectionRejected:
    """The broker refused the connection with this reason code."""

    reason: int


@dataclass(frozen=True)
class Subscribed:
    """The broker answered a subscription with these reason codes, one for each filter."""

    codes: bytes


class Presence(NamedTuple):
    """A lamp's bridge connected or disconnected; ``stock`` if its name is not a provisioned lamp's."""

    device_id: str
    up: bool
    stock: bool


class ResetAsked(NamedTuple):
    """A lamp asks to be released: for an offer, or confirming the one with this ticket."""

    device_id: str
    ticket: str | None


@dataclass(frozen=True)
class Outcome:
    """Outcomes of messages published in a session."""

    session: Session
    outcomes: Outcomes


@dataclass(frozen=True)
class Probe:
    """The daemon's own probe came back, so all retained messages have arrived."""

    word: bytes


@dataclass(frozen=True)
class Dropped:
    """The number of messages that the broker has dropped since it started."""

    count: int


InboxEvent = (
    ConnectionChanged
    | ConnectionRejected
    | Subscribed
    | Presence
    | ResetAsked
    | Outcome
    | HighWaterMark
    | Probe
    | Dropped
)


class Inbox:
    """Bounded queue from the link's thread to the daemon's. When it is full, messages wait in TCP.

    Outcomes are taken first, but not before the connection that they belong to; queued behind a burst of presence, they
    would stall the publisher.
    """

    MOST_WAITING = 30_000
    """Large enough for most bursts, so that the link's thread can go on publishing while the daemon writes to the
    database."""

    MOST_AT_ONCE = 4 * ROWS_A_STATEMENT
    """Registering this many new lamps takes less than the duration of a lease, even on a slow disk."""

    def __init__(self) -> None:
        # Not a SimpleQueue: CPython 3.11's get() hangs forever, ignoring TERM, if a signal arrives as its timeout ends.
        lock = threading.Lock()
        self._filled, self._emptied = threading.Condition(lock), threading.Condition(lock)
        self._outcomes: list[InboxEvent] = []
        self._events: list[InboxEvent] = []
        self._after_connection = 0  # index into the events behind the last connection and its outcomes; 0 without one
        self._woken = False
        self._closed = False

    @property
    def is_crowded(self) -> bool:
        """True if more events are queued than one `take` returns."""
        return len(self._events) > self.MOST_AT_ONCE

    def put(self, event: InboxEvent) -> None:
        """Add an event without blocking; thread-safe."""
        with self._filled:
            if not isinstance(event, Outcome):
                self._events.append(event)
                if isinstance(event, ConnectionChanged):
                    self._after_connection = len(self._events)
            elif self._after_connection:
                self._events.insert(self._after_connection, event)
                self._after_connection += 1
            else:
                self._outcomes.append(event)
            self._filled.notify()

    def wake(self) -> None:
        """End a wait in `take`, even without events; thread-safe."""
        with self._filled:
            self._woken = True
            self._filled.notify()

    def put_patiently(self, events: Sequence[InboxEvent]) -> None:
        """Add events, blocking while full; the caller must hold no lock that the daemon's thread may need."""
        with self._filled:
            if len(self._events) >= self.MOST_WAITING:
                self._emptied.wait_for(lambda: self._closed or len(self._events) < self.MOST_WAITING)
            self._events.extend(events)
            self._filled.notify()

    def take(self, seconds: float, most: int = MOST_AT_ONCE) -> list[InboxEvent]:
        """Wait up to ``seconds`` for an event or `wake`; return outcomes and up to ``most`` other events."""
        with self._filled:
            if not (self._events or self._outcomes or self._woken):
                self._filled.wait(seconds)
            self._woken = False
            taken, self._events = self._outcomes + self._events[:most], self._events[most:]
            self._outcomes = []
            self._after_connection = max(0, self._after_connection - most)
            self._emptied.notify()
        return taken

    def close(self) -> None:
        """Release threads that wait for space; no more events will be taken."""
        with self._emptied:
            self._closed = True
            self._emptied.notify_all()
