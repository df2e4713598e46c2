"""What goes over a link to the broker."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    """What the broker delivered; the payload stays out of ``repr``, since it may hold a code."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool


@dataclass(frozen=True)
class Publication:
    """What the broker is to be told; the payload stays out of ``repr``, since it may hold a code."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    retain: bool


@dataclass(frozen=True)
class Subscription:
    """A topic filter and what takes its messages, called on paho's thread; it may raise `BadMessage`."""

    topic_filter: str
    qos: int
    receive: Callable[[Message], None]
