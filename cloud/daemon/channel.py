"""Interface between the publisher and the broker."""

from collections.abc import Sequence
from typing import Protocol

from shared.mqtt.messages import Publication


class Channel(Protocol):
    """A way to publish to the broker."""

    def leads(self) -> bool:
        """Return whether this daemon is the leader now."""

    @property
    def is_open(self) -> bool:
        """True while publishing is possible."""

    def publish(self, messages: Sequence[tuple[int, Publication]]) -> bool:
        """Queue all of these numbered messages, or return False."""

    def narrow(self) -> None:
        """Limit the connection to one unconfirmed message."""
