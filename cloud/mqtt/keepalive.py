"""Detects a dead connection, and a broker that is alive but has stopped confirming messages."""

from cloud.mqtt.protocol import Protocol

KEEPALIVE_SECONDS = 20
"""The client detects a dead connection within twice this time, the broker within one and a half times."""

STALLED_SECONDS = 60.0
"""How long the broker may leave a message unanswered while it answers pings."""


class BrokerStalled(Exception):
    """The broker has left a message unanswered; the text continues "The broker at ..."."""


class KeepAlive:
    """Pings at the broker's interval or ours, whichever is shorter, in seconds of a monotonic clock.

    A broker that requests a longer interval, or none, must not delay the detection of a dead connection.
    """

    def __init__(self, protocol: Protocol, seconds: int, now: float) -> None:
        wanted = protocol.connack.limits.keepalive_seconds if protocol.connack is not None else None
        self._seconds = min(seconds, wanted) if wanted and seconds else seconds or wanted or 0
        self._protocol = protocol
        self._due_at = now + self._seconds
        self._received = True

    def tick(self, received: bool, now: float) -> None:
        """Record whether data arrived, and ping when due.

        Raises:
            TimeoutError: nothing has arrived since the last ping.
        """
        self._received = self._received or received
        if not self._seconds or now < self._due_at:
            return
        if not self._received:
            raise TimeoutError("the broker stopped responding")
        self._received = False
        self._due_at = now + self._seconds
        self._protocol.ping()


class Progress:
    """Watches the messages that have been unanswered for longest, in seconds of a monotonic clock."""

    def __init__(self, protocol: Protocol, now: float) -> None:
        self._protocol = protocol
        self._oldest = protocol.oldest
        self._since = [now] * len(self._oldest)

    def tick(self, now: float) -> None:
        """Compare the longest unanswered messages with those of the last call.

        Raises:
            BrokerStalled: one of them is the same for `STALLED_SECONDS`.
        """
        oldest = self._protocol.oldest
        for phase, message in enumerate(oldest):
            if message is None or message != self._oldest[phase]:
                self._since[phase] = now
            elif now >= self._since[phase] + STALLED_SECONDS:
                raise BrokerStalled(f"has not answered a message for {STALLED_SECONDS:.0f} s")
        self._oldest = oldest
