"""Inferences from how several connections in a row ended."""

import pytest

from cloud.mqtt.endings import BRIEF_SECONDS, Endings
from cloud.mqtt.packets import MQTT_3_1_1, MQTT_5
from cloud.mqtt.protocol import Protocol
from cloud.mqtt.reasons import CLOSED_AGAIN, TAKEN_OVER
from tests.support.protocols import HELLO, connected


def taken_over() -> Protocol:
    protocol = connected()
    protocol.receive(b"\xe0\x01\x8e")
    return protocol


def ended_at_qos_2(level: int = MQTT_3_1_1) -> Protocol:
    protocol = connected(level)
    protocol.publish(1, HELLO)
    protocol.to_send()
    return protocol


def qos_sent(protocol: Protocol) -> int:
    protocol.publish(2, HELLO)
    return protocol.to_send()[0] >> 1 & 3


def test_connections_that_are_closed_again_and_again_have_a_rival() -> None:
    endings = Endings()
    assert [endings.note(taken_over(), 1.0) for _ in range(5)] == [None, None, None, TAKEN_OVER, TAKEN_OVER]
    assert endings.note(connected(), 1.0) == CLOSED_AGAIN  # Mosquitto 2.0 gives no reason


def test_a_reason_that_the_broker_gives_is_no_sign_of_a_rival() -> None:
    protocol = connected()
    protocol.receive(b"\xe0\x01\x95")
    endings = Endings()
    assert [endings.note(protocol, 1.0) for _ in range(10)] == [None] * 10


def test_a_successor_takes_over_once_and_a_connection_that_lasts_is_no_sign() -> None:
    endings = Endings()
    assert [endings.note(taken_over(), 1.0) for _ in range(3)] == [None, None, None]
    assert endings.note(connected(), BRIEF_SECONDS) is None
    assert [endings.note(taken_over(), 1.0) for _ in range(3)] == [None, None, None]


def test_a_broker_that_ends_connections_at_qos_2_gets_qos_1() -> None:
    endings = Endings()
    for _ in range(2):
        protocol = connected(MQTT_3_1_1)
        assert not endings.begin(protocol)
        endings.note(ended_at_qos_2(), 1.0)
    protocol = connected(MQTT_3_1_1)
    assert endings.begin(protocol)
    assert qos_sent(protocol) == 1


@pytest.mark.parametrize("level", [MQTT_3_1_1, MQTT_5])
def test_where_qos_2_was_answered_it_stays(level: int) -> None:
    endings = Endings()
    endings.note(ended_at_qos_2(level), 1.0)
    answered = ended_at_qos_2(level)
    answered.receive(b"\x50\x02\x00\x01")
    endings.note(answered, 1.0)
    endings.note(ended_at_qos_2(level), 1.0)
    protocol = connected(level)
    assert not endings.begin(protocol)
    assert qos_sent(protocol) == 2
