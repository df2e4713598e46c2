"""What a client of the broker tells its user."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.mqtt.packets import MQTT_5
from cloud.mqtt.protocol import Outcomes
from cloud.mqtt.reading import Message


@dataclass(eq=False)
class Session:
    """One connection that the broker accepted, with the level of MQTT that it speaks."""

    level: int = MQTT_5

    @property
    def reports_refusals(self) -> bool:
        """True where the broker says what it refuses."""
        return self.level >= MQTT_5


class Listener:
    """What a client calls, on its own thread; these do nothing."""

    def connected(self, session: Session) -> None:
        """Take in that the broker accepted us, before all that it sends."""

    def lost(self) -> None:
        """Take in that the connection is gone."""

    def turned_away(self, reason: int) -> None:
        """Take in that the broker did not accept us, or ended the connection for a setting of its own."""

    def received(self, messages: Sequence[Message]) -> None:
        """Take in messages."""

    def concluded(self, session: Session, outcomes: Outcomes) -> None:
        """Take in what became of publications."""

    def may_go_on(self) -> bool:
        """Tell whether to connect again."""
        return True
