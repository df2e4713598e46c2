"""Callbacks of the MQTT client."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.packets import MQTT_5
from cloud.mqtt.reading import Message


@dataclass(eq=False)
class Session:
    """A connection that the broker accepted, with its MQTT protocol level."""

    level: int = MQTT_5

    @property
    def reports_refusals(self) -> bool:
        """True if the broker reports refusals."""
        return self.level >= MQTT_5


class Listener:
    """Callbacks, called on the client's thread; these do nothing."""

    def connected(self, session: Session) -> None:
        """Handle a new connection, before any message arrives on it."""

    def lost(self) -> None:
        """Handle the loss of the connection."""

    def connection_rejected(self, reason: int) -> None:
        """Handle a refused connection, or one that the broker ended because of its configuration."""

    def received(self, messages: Sequence[Message]) -> None:
        """Handle messages; called at least once a second, also without any."""

    def concluded(self, session: Session, outcomes: Outcomes) -> None:
        """Handle outcomes of publications."""

    def subscribed(self, codes: bytes) -> None:
        """Handle the broker's answer to a subscription: a reason code for each filter."""

    def may_go_on(self) -> bool:
        return True
