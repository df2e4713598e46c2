"""Signs of life: ours, so that the broker believes in the connection, and the broker's, so that we do."""

from cloud.mqtt.protocol import Protocol

KEEPALIVE_SECONDS = 20
"""A dead connection is noticed within twice this by us, and within one and a half times this by the broker."""


class KeepAlive:
    """Pings at regular intervals, those that the broker wants or else ours, in seconds of a clock like `monotonic`."""

    def __init__(self, protocol: Protocol, seconds: int, now: float) -> None:
        wanted = protocol.connack.limits.keepalive_seconds if protocol.connack is not None else None
        self._seconds = seconds if wanted is None else wanted
        self._protocol = protocol
        self._due_at = now + self._seconds
        self._heard = True

    def tick(self, heard: bool, now: float) -> None:
        """Take in whether something came, and ping where it is time to.

        Raises:
            TimeoutError: nothing has come since the last ping.
        """
        self._heard = self._heard or heard
        if not self._seconds or now < self._due_at:
            return
        if not self._heard:
            raise TimeoutError("the broker is silent")
        self._heard = False
        self._due_at = now + self._seconds
        self._protocol.ping()
