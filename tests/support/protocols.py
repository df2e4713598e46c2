"""Connections of the MQTT protocol core whose broker is played on bytes."""

from cloud.mqtt.packets import MQTT_3_1_1, MQTT_5, Login
from cloud.mqtt.protocol import Protocol
from shared.mqtt.messages import Publication

LOGIN = Login("me", 20)
WELCOME = {MQTT_3_1_1: b"\x20\x02\x00\x00", MQTT_5: b"\x20\x03\x00\x00\x00"}
LEVELS = [MQTT_3_1_1, MQTT_5]
HELLO = Publication("a/b", b"hello", qos=2, retain=True)


def connected(level: int = MQTT_5, welcome: bytes | None = None, most_in_flight: int = 100) -> Protocol:
    """Return a connection that the broker has accepted, and whose CONNECT is sent."""
    protocol = Protocol(LOGIN, level, most_in_flight)
    protocol.to_send()
    protocol.receive(WELCOME[level] if welcome is None else welcome)
    return protocol


def limited(properties: bytes) -> Protocol:
    """Return a connection over MQTT 5 whose CONNACK has these properties."""
    return connected(welcome=bytes((0x20, 3 + len(properties), 0, 0, len(properties))) + properties)
