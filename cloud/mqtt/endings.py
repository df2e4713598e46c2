"""Infers what the broker doesn't report from how several connections in a row ended."""

from cloud.mqtt import reasons
from cloud.mqtt.packets import MQTT_5
from cloud.mqtt.protocol import Protocol

BRIEF_SECONDS = 20.0
RIVAL_AFTER = 4
"""How many brief connections in a row the broker must close before a rival client is assumed. Mosquitto 2.0 does not
report a takeover; another daemon of the same cloud takes over only once."""

QOS_1_AFTER = 2
"""How many connections in a row must end at a message of QoS 2 before QoS 1 is used."""


class Endings:
    """Counts consecutive connections that ended in the same way."""

    def __init__(self) -> None:
        self._at_qos_2 = 0
        self._closed = 0

    def begin(self, protocol: Protocol) -> bool:
        """Lower the QoS of a new connection if the last ones ended at QoS 2; return whether it was lowered.

        An MQTT 3.1.1 broker can't announce its maximum QoS: Mosquitto with `max_qos 1` closes the connection.
        """
        if protocol.level >= MQTT_5 or self._at_qos_2 < QOS_1_AFTER:
            return False
        protocol.lower_qos()
        return True

    def note(self, protocol: Protocol, seconds: float) -> int | None:
        """Count the end of a connection that lasted ``seconds``; return its reason code once that is known."""
        if protocol.takes_qos_2:
            self._at_qos_2 = 0
        elif protocol.waits_at_qos_2:
            self._at_qos_2 += 1
        reason = reasons.CLOSED_AGAIN if protocol.ended is None else protocol.ended.reason
        is_alike = reason in reasons.PASSING and seconds < BRIEF_SECONDS and not protocol.waits_at_qos_2
        self._closed = self._closed + 1 if is_alike else 0
        return reason if self._closed >= RIVAL_AFTER else None
