"""Keepalive: pings the broker and detects a dead connection."""

from cloud.mqtt.protocol import Protocol

KEEPALIVE_SECONDS = 20
"""The client detects a dead connection within twice this time, the broker within one and a half times."""


class KeepAlive:
    """Pings at the broker's interval or ours, whichever is shorter, in seconds of a monotonic clock.

    A broker that asks for longer intervals, or for none, must not keep us from noticing that it is gone.
    """

    def __init__(self, protocol: Protocol, seconds: int, now: float) -> None:
        wanted = protocol.connack.limits.keepalive_seconds if protocol.connack is not None else None
        self._seconds = min(seconds, wanted) if wanted and seconds else seconds or wanted or 0
        self._protocol = protocol
        self._due_at = now + self._seconds
        self._heard = True

    def tick(self, heard: bool, now: float) -> None:
        """Record whether data arrived, and ping when due.

        Raises:
            TimeoutError: nothing has arrived since the last ping.
        """
        self._heard = self._heard or heard
        if not self._seconds or now < self._due_at:
            return
        if not self._heard:
            raise TimeoutError("the broker stopped responding")
        self._heard = False
        self._due_at = now + self._seconds
        self._protocol.ping()
