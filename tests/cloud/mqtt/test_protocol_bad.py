"""Packets that no broker may send, and packets that are too large."""

import tracemalloc

import pytest

from cloud.mqtt import packets
from cloud.mqtt.packets import MQTT_5
from cloud.mqtt.protocol import Protocol
from cloud.mqtt.reading import ProtocolError
from tests.support.protocols import HELLO, LEVELS, LOGIN, connected, limited


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x00",
        b"\xf0\x00",
        b"\x30\x80\x80\x80\x80\x01",  # a length of five bytes
        b"\x30\x00",
        b"\x30\x02\x00\x00",  # an empty topic
        b"\x30\x03\x00\x09a",  # one that is longer than its packet
        b"\x32\x05\x00\x01a\x00\x00",  # no identifier
        b"\x34\x06\x00\x01a\x00\x01\x00",  # QoS 2, at which nothing was subscribed to
        b"\x36\x06\x00\x01a\x00\x01\x00",
        b"\x20\x02\x00\x00",  # a second CONNACK
        b"\x40\x01\x00",
        b"\x51\x02\x00\x01",
        b"\x50\x05\x00\x01\x00\x09\x00",  # properties that are longer than their packet
        b"\x50\x05\x00\x01\x00\x01\xfe",  # no such property
        b"\x90\x02\x00\x01",
        b"\xd0\x01\x00",
        b"\x82\x05\x00\x01\x00\x00\x00",  # what only clients send
    ],
)
def test_what_no_broker_may_send_ends_the_connection(level: int, raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        connected(level).receive(raw)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("raw", [b"\x30\x03\x00\x01a", b"\x20\x01\x00", b"\x20\x02\x00\x77", b"\x50\x02\x00\x01"])
def test_the_first_packet_must_be_a_connack(level: int, raw: bytes) -> None:
    protocol = Protocol(LOGIN, level, 100)
    with pytest.raises(ProtocolError):
        protocol.receive(raw)


@pytest.mark.parametrize("properties", [b"\x21\x00\x00", b"\x24\x03", b"\x27\x00\x00\x00\x00", b"\x1f\x00\x01\xff"])
def test_limits_that_can_t_be_end_the_connection(properties: bytes) -> None:
    with pytest.raises(ProtocolError):
        limited(properties)


def test_a_completion_of_what_was_not_released_ends_the_connection() -> None:
    protocol = connected()
    protocol.publish(7, HELLO)
    protocol.to_send()
    with pytest.raises(ProtocolError):
        protocol.receive(b"\x70\x02\x00\x01")


def publish_packet(topic: bytes, payload: bytes, qos: int, level: int) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + (b"\x00\x07" if qos else b"") + (b"\x00" if level == MQTT_5 else b"")
    return bytes((0x30 | qos << 1,)) + packets.variable_length(len(body + payload)) + body + payload


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("piece", [1000, 262_144])
def test_a_message_that_is_too_large_is_passed_over_and_never_kept(level: int, qos: int, piece: int) -> None:
    protocol = connected(level)
    large = publish_packet(b"lamps/big", bytes(20_000_000), qos, level)
    after = publish_packet(b"lamps/small", b"1", 0, level)
    stream = large + after
    tracemalloc.start()
    for at in range(0, len(stream), piece):
        protocol.receive(stream[at : at + piece])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [message.topic for message in protocol.take_messages()] == [b"lamps/small"]
    assert [topic for topic, _ in protocol.oversized] == [b"lamps/big"]
    assert protocol.to_send() == (b"\x40\x02\x00\x07" if qos else b"")
    assert most < 2_000_000


@pytest.mark.parametrize("level", LEVELS)
def test_a_message_as_large_as_we_accept_is_heard(level: int) -> None:
    protocol = connected(level)
    overhead = len(publish_packet(b"t", b"", 0, level)) - 2
    protocol.receive(publish_packet(b"t", bytes(packets.MOST_PACKET_BYTES - overhead), 0, level))
    assert [len(message.payload) for message in protocol.take_messages()] == [packets.MOST_PACKET_BYTES - overhead]
    assert protocol.oversized == []


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_but_a_message_may_be_large(level: int) -> None:
    with pytest.raises(ProtocolError):
        connected(level).receive(b"\x90" + packets.variable_length(1_000_000) + bytes(10))
