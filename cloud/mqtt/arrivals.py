"""Received messages until the client takes them; repeats within one read are kept once."""

from cloud.mqtt import reading
from cloud.mqtt.packets import PUBLISH
from cloud.mqtt.reading import Message

PUBLISH_RETAINED = PUBLISH | 1
OF_QOS_0 = (PUBLISH, PUBLISH_RETAINED)
"""First bytes of PUBLISH packets of QoS 0."""


class Arrivals:
    """Messages in the order of their last arrival.

    ``bodies`` has the bodies of packets of QoS 0 that all have the first byte ``head``; the protocol fills it. They are
    parsed together, since each call costs as much as parsing a message. One client can send a hundred thousand packets
    a second, all alike: of those, only the last is parsed.
    """

    def __init__(self) -> None:
        self.head = PUBLISH
        self.bodies: list[bytes] = []
        self._messages: list[Message] = []

    def add(self, message: Message, level: int) -> None:
        """Add a message behind those that were received before it."""
        self.settle(level)
        self._messages.append(message)

    def settle(self, level: int, head: int = PUBLISH) -> None:
        """Parse ``bodies``, and begin with those of packets with another ``head``.

        Raises:
            ProtocolError: malformed.
        """
        bodies = self.bodies
        if bodies:
            if self.head == PUBLISH_RETAINED or len(set(bodies)) == len(bodies):
                self._messages += reading.read_publishes(self.head, bodies, level)
            else:
                self._messages += _without_repeats(bodies, level)
            bodies.clear()
        self.head = head

    def take(self) -> list[Message]:
        """Return the messages since the last call."""
        taken, self._messages = self._messages, []
        return taken


def _without_repeats(bodies: list[bytes], level: int) -> list[Message]:
    times: dict[bytes, int] = {}
    for body in bodies:
        times[body] = times.pop(body, 0) + 1  # moved behind all others, so that a lamp's last state stays last
    read = reading.read_publishes(PUBLISH, list(times), level)
    return [message._replace(times=count) for message, count in zip(read, times.values(), strict=True)]
