"""What goes over a link to the broker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Message(NamedTuple):
    """What the broker delivered; the payload stays out of ``repr``, since it may hold a code."""

    topic: str
    payload: bytes
    retained: bool

    def __repr__(self) -> str:
        return f"Message(topic={self.topic!r}, retained={self.retained})"


class Publication(NamedTuple):
    """What the broker is to be told; the payload stays out of ``repr``, since it may hold a code."""

    topic: str
    payload: bytes
    qos: int
    retain: bool

    def __repr__(self) -> str:
        return f"Publication(topic={self.topic!r}, qos={self.qos}, retain={self.retain})"


@dataclass(frozen=True)
class Subscription:
    """A topic filter and what takes its messages, called on paho's thread; it may raise `BadMessage`."""

    topic_filter: str
    qos: int
    receive: Callable[[Message], None]
