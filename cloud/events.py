"""What reaches the daemon from the broker, and the one queue through which it comes."""

import queue
from dataclasses import dataclass

from shared.payloads import HighWaterMark


@dataclass(frozen=True)
class Connection:
    """Our own connection to the broker came up, as this session of the link's, or was lost."""

    session: object | None


@dataclass(frozen=True)
class Presence:
    """A lamp's bridge came up or went down."""

    device_id: str
    up: bool


@dataclass(frozen=True)
class Confirmation:
    """The broker confirmed what was published under this number."""

    number: int


@dataclass(frozen=True)
class Probe:
    """Our own word came back: all that the broker retained had come before it."""

    word: bytes


@dataclass(frozen=True)
class Dropped:
    """How many messages the broker has dropped since it was started."""

    count: int


Event = Connection | Presence | Confirmation | HighWaterMark | Probe | Dropped


class Inbox:
    """Filled on paho's thread, emptied on the daemon's."""

    def __init__(self) -> None:
        # Not a SimpleQueue: when a signal arrives as its timeout ends, CPython 3.11's waits for ever, deaf to TERM.
        self._events: queue.Queue[Event] = queue.Queue()

    def put(self, event: Event) -> None:
        """Add an event; returns at once, and may be called on any thread."""
        self._events.put(event)

    def take(self, seconds: float, most: int) -> list[Event]:
        """Wait for an event, at most so long; return all that have come, up to so many."""
        taken: list[Event] = []
        try:
            taken.append(self._events.get(timeout=seconds))
            while len(taken) < most:
                taken.append(self._events.get_nowait())
        except queue.Empty:
            pass
        return taken
