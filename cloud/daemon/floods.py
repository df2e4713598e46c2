"""Floods: a client that publishes presence, or asks for a reset, far more often than any lamp does."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from cloud.mqtt.reading import Message
from shared.log_throttle import LogThrottle
from shared.protocol import topics
from shared.protocol.errors import quoted

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0
"""Interval in which messages are counted, and in which one message of a flood is processed."""

MOST_MESSAGES = 100
"""Maximum number of messages on one topic in an interval. A bridge waits at least a second before it reconnects, and
each connection causes two."""

MOST_TOPICS = 10_000
"""Maximum number of topics that are counted, some 2 MB. Beyond it, counting starts again: a flood is then recognized
once it has more than 1 in 100 of all messages."""

LARGE_READ = 256
SAMPLE = 8
"""In a read of more live messages than `LARGE_READ`, a burst, only one in so many is counted, and counts for all."""

MOST_FLOODS = 1000
"""Maximum number of floods at a time, some 0.5 MB with small payloads; the messages of further ones are processed."""


@dataclass
class _Flood:
    """A topic's flood, with its latest message that was not processed and the messages since the last one that was."""

    due_at: float
    held: Message | None = None
    count: int = 0
    total: int = 0


class Floods:
    """Recognizes floods, and holds their messages back: each topic's latest is processed once in an interval.

    Retained messages and those of QoS 1 are never held: the broker sends a topic's retained message only in answer to a
    subscription, and QoS 1 is for the daemon's own. A retained message replaces the held one. All times are seconds of
    a monotonic clock.
    """

    def __init__(self, lamps: Gauge, messages: Counter, names: topics.BridgeNames = topics.COURSE_BRIDGES) -> None:
        self._names = names
        self._gauge = lamps
        self._counter = messages
        self._counts: dict[bytes, int] = {}
        self._count_until = 0.0
        self._first = 0
        self._floods: dict[bytes, _Flood] = {}
        self._due_at = 0.0
        self._throttle = LogThrottle(log)

    def admit(self, messages: Sequence[Message], now: float) -> Sequence[Message]:
        """Return the messages to process now: these without those of floods, and the held ones that are due."""
        if now >= self._count_until or len(self._counts) >= MOST_TOPICS:
            self._counts.clear()
            self._count_until = now + INTERVAL_SECONDS
        if self._floods:
            messages = self._without_held(messages)
        live = [message for message in messages if not (message[2] or message[3])]  # by position: faster than by name
        if len(live) > LARGE_READ:
            self._first = (self._first + 1) % SAMPLE  # reads may be alike
            self._count(live[self._first :: SAMPLE], SAMPLE, now)
        else:
            self._count(live, 1, now)
        if self._floods and now >= self._due_at:
            messages = [*messages, *self._release(now)]
        self._throttle.tick(now)
        return messages

    def connection_lost(self) -> None:
        """Drop the held messages: the broker sends what it retains again on the next connection."""
        for flood in self._floods.values():
            flood.held = None

    def finish(self, now: float) -> None:
        """Forget all floods, at the end of the link."""
        self._floods.clear()
        self._gauge.set(0)
        self._throttle.finish(now)

    def _without_held(self, messages: Sequence[Message]) -> list[Message]:
        """Hold the messages of floods; return the others."""
        others = []
        for message in messages:
            flood = self._floods.get(message.topic)
            if flood is None or message.identifier is not None:
                others.append(message)
            elif message.retained:
                flood.held = None  # it is older, and the broker may have dropped what came in between
                others.append(message)
            else:
                flood.held = message
                flood.count += message.times
                self._counter.inc(message.times)
        return others

    def _count(self, messages: Sequence[Message], weight: int, now: float) -> None:
        """Count messages, each ``weight`` times."""
        counts = self._counts
        for topic, _payload, _retained, _identifier, times in messages:
            counts[topic] = count = counts.get(topic, 0) + times * weight
            if count > MOST_MESSAGES and topic not in self._floods:
                self._begin(topic, now)

    def _begin(self, topic: bytes, now: float) -> None:
        if len(self._floods) >= MOST_FLOODS:
            return
        flood = _Flood(due_at=now + INTERVAL_SECONDS)
        self._due_at = min(self._due_at, flood.due_at) if self._floods else flood.due_at
        self._floods[topic] = flood
        self._gauge.set(len(self._floods))
        name = topic.decode(errors="replace")
        device_id = topics.parse_presence(name, self._names) or topics.parse_reset(name)
        self._throttle.warning(_description(topic, device_id), now)

    def _release(self, now: float) -> list[Message]:
        """Return the latest messages of floods that are due; a flood ends after an interval without too many."""
        released = []
        for topic, flood in list(self._floods.items()):
            if now < flood.due_at:
                continue
            if flood.held is not None:
                released.append(flood.held)
            flood.total += flood.count
            if flood.count <= MOST_MESSAGES:
                del self._floods[topic]
                log.info("The flood on %s has ended, after %d messages", _shown(topic), flood.total)
            flood.held, flood.count, flood.due_at = None, 0, now + INTERVAL_SECONDS
        self._due_at = min((flood.due_at for flood in self._floods.values()), default=0.0)
        self._gauge.set(len(self._floods))
        return released


def _description(topic: bytes, device_id: str | None) -> str:
    """Return a flood's log line, with the command that shuts the lamp out."""
    who = f"A client floods {_shown(topic)}" if device_id is None else f"Lamp {device_id} floods the broker"
    line = (
        f"{who}: more than {MOST_MESSAGES} messages in {INTERVAL_SECONDS:.0f} s; "
        f"processing one every {INTERVAL_SECONDS:.0f} s"
    )
    return line if device_id is None else f"{line}. To shut it out, run 'lampi-cloud deprovision {device_id}'"


def _shown(topic: bytes) -> str:
    return quoted(topic.decode(errors="replace"))
