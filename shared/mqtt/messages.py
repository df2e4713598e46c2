"""The messages and subscriptions of a broker connection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Message(NamedTuple):
    """A message from the broker; ``repr`` omits the payload, which may contain a code."""

    topic: str
    payload: bytes
    retained: bool

    def __repr__(self) -> str:
        return f"Message(topic={self.topic!r}, retained={self.retained})"


class Publication(NamedTuple):
    """A message to publish; ``repr`` omits the payload, which may contain a code.

    The broker drops it after ``expiry_seconds``. Only the daemon's client sends this, and only over MQTT 5.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_seconds: int | None = None

    def __repr__(self) -> str:
        return f"Publication(topic={self.topic!r}, qos={self.qos}, retain={self.retain})"


@dataclass(frozen=True)
class Subscription:
    """A topic filter and the callback for its messages, which runs on paho's thread and may raise `BadMessage`."""

    topic_filter: str
    qos: int
    receive: Callable[[Message], None]
