"""The protocol on bytes: what is sent, what is accepted or refused, and what ends a connection."""

import pytest

from cloud.mqtt.keepalive import KeepAlive
from cloud.mqtt.packets import MQTT_3_1_1, MQTT_5, Login
from cloud.mqtt.protocol import Outcomes, Protocol
from cloud.mqtt.reading import Message, ProtocolError
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


def test_connect_is_sent_first_and_messages_wait_for_the_answer() -> None:
    protocol = Protocol(LOGIN, MQTT_5, 100)
    protocol.publish(1, HELLO)
    assert protocol.to_send() == b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x14\x00\x00\x02me"
    assert protocol.to_send() == b""
    protocol.receive(WELCOME[MQTT_5])
    assert protocol.to_send()[0] == 0x35


def test_a_login_with_everything() -> None:
    login = Login("me", 20, "ada", "secret", Publication("w", b"0", qos=1, retain=True))
    assert "secret" not in repr(login)
    assert Protocol(login, MQTT_3_1_1, 1).to_send() == (
        b"\x10\x21\x00\x04MQTT\x04\xee\x00\x14\x00\x02me\x00\x01w\x00\x010\x00\x03ada\x00\x06secret"
    )


@pytest.mark.parametrize(
    ("level", "packet"),
    [
        (MQTT_3_1_1, b"\x35\x0c\x00\x03a/b\x00\x01hello"),
        (MQTT_5, b"\x35\x0d\x00\x03a/b\x00\x01\x00hello"),
    ],
)
def test_a_message_of_qos_2_is_accepted_once_it_is_complete(level: int, packet: bytes) -> None:
    protocol = connected(level)
    protocol.publish(7, HELLO)
    assert protocol.to_send() == packet
    protocol.receive(b"\x50\x02\x00\x01")
    assert protocol.to_send() == b"\x62\x02\x00\x01"
    assert not protocol.take_outcomes()
    protocol.receive(b"\x70\x02\x00\x01")
    assert protocol.take_outcomes() == Outcomes(accepted=[7])
    assert not protocol.take_outcomes()


@pytest.mark.parametrize("answer", [b"\x40\x02\x00\x01", b"\x40\x03\x00\x01\x10", b"\x40\x04\x00\x01\x00\x00"])
def test_a_message_of_qos_1_is_accepted_with_its_puback(answer: bytes) -> None:
    protocol = connected()
    protocol.publish(7, Publication("a", b"1", qos=1, retain=False))
    assert protocol.to_send() == b"\x32\x07\x00\x01a\x00\x01\x001"
    protocol.receive(answer)
    assert protocol.take_outcomes() == Outcomes(accepted=[7])


@pytest.mark.parametrize(
    ("qos", "answer", "reason"),
    [
        (1, b"\x40\x03\x00\x01\x87", 0x87),
        (2, b"\x50\x03\x00\x01\x87", 0x87),
        (2, b"\x50\x03\x00\x01\x95", 0x95),
        (2, b"\x50\x08\x00\x01\x99\x04\x1f\x00\x01x", 0x99),
    ],
)
def test_a_refusal_has_the_reason_of_the_broker(qos: int, answer: bytes, reason: int) -> None:
    protocol = connected()
    protocol.publish(7, Publication("a", b"1", qos, retain=True))
    protocol.to_send()
    protocol.receive(answer)
    assert protocol.take_outcomes() == Outcomes(refused=[(7, reason)])
    assert protocol.to_send() == b""


def test_a_message_that_the_broker_lost_between_the_two_is_refused() -> None:
    protocol = connected()
    protocol.publish(7, HELLO)
    protocol.to_send()
    protocol.receive(b"\x50\x02\x00\x01")
    protocol.receive(b"\x70\x03\x00\x01\x92")
    assert protocol.take_outcomes() == Outcomes(refused=[(7, 0x92)])


@pytest.mark.parametrize(
    ("properties", "reason"), [(b"\x25\x00", 0x9A), (b"\x24\x00", 0x9B), (b"\x27\x00\x00\x00\x0e", 0x95)]
)
def test_what_the_broker_is_known_not_to_take_is_not_sent(properties: bytes, reason: int) -> None:
    protocol = limited(properties)
    protocol.publish(7, HELLO)
    assert protocol.to_send() == b""
    assert protocol.take_outcomes() == Outcomes(refused=[(7, reason)])


def test_a_packet_as_large_as_the_broker_allows_is_sent() -> None:
    protocol = limited(b"\x27\x00\x00\x00\x0f")
    protocol.publish(7, HELLO)
    assert len(protocol.to_send()) == 15


def test_a_broker_that_knows_only_qos_1_gets_that() -> None:
    protocol = limited(b"\x24\x01")
    protocol.publish(7, HELLO)
    assert protocol.to_send()[0] == 0x33
    protocol.receive(b"\x40\x02\x00\x01")
    assert protocol.take_outcomes() == Outcomes(accepted=[7])


def test_what_was_published_before_the_broker_named_its_limits_is_held_to_them() -> None:
    protocol = Protocol(LOGIN, MQTT_5, 100)
    protocol.publish(7, HELLO)
    protocol.receive(b"\x20\x05\x00\x00\x02\x25\x00")
    assert protocol.take_outcomes() == Outcomes(refused=[(7, 0x9A)])


def test_no_more_are_under_way_than_the_broker_allows() -> None:
    protocol = limited(b"\x21\x00\x02")
    for number in range(5):
        protocol.publish(number, HELLO)
    assert protocol.to_send().count(b"hello") == 2
    protocol.receive(b"\x50\x02\x00\x01")
    assert b"hello" not in protocol.to_send()  # it counts until it is complete
    protocol.receive(b"\x70\x02\x00\x01")
    assert protocol.to_send().count(b"hello") == 1
    protocol.receive(b"\x50\x03\x00\x02\x87")
    assert protocol.to_send().count(b"hello") == 1


def test_where_too_many_are_under_way_half_as_many_are_from_then_on() -> None:
    protocol = connected(most_in_flight=8)
    for number in range(8):
        protocol.publish(number, HELLO)
    protocol.to_send()
    protocol.receive(b"".join(bytes((0x50, 3, 0, identifier, 0x97)) for identifier in (6, 7, 8)))
    assert protocol.take_outcomes() == Outcomes(over_quota=[5, 6, 7])
    assert protocol.window == 4
    for identifier in range(1, 6):
        protocol.receive(bytes((0x50, 3, 0, identifier, 0x97)))
    assert protocol.window == 4  # those were sent before
    protocol.publish(9, HELLO)
    protocol.to_send()
    protocol.receive(b"\x50\x03\x00\x09\x97")
    assert protocol.window == 2
    for identifier in (10, 11):
        protocol.publish(identifier, HELLO)
        protocol.to_send()
        protocol.receive(bytes((0x50, 3, 0, identifier, 0x97)))
    assert protocol.window == 1
    assert protocol.take_outcomes() == Outcomes(over_quota=[0, 1, 2, 3, 4, 9, 10], refused=[(11, 0x97)])


def test_an_answer_to_nothing_of_ours_changes_nothing() -> None:
    protocol = connected()
    protocol.receive(b"\x50\x02\x00\x09\x70\x02\x00\x09\x40\x02\x00\x09\x50\x03\x00\x09\x87")
    assert protocol.to_send() == b"\x62\x03\x00\x09\x92"
    assert not protocol.take_outcomes()


def test_identifiers_that_are_in_use_are_not_given_again() -> None:
    protocol = connected(most_in_flight=65_535)
    protocol.publish(0, HELLO)
    first = protocol.to_send()
    for _ in range(65_534):
        protocol.subscribe([("a", 0)])
    protocol.to_send()
    protocol.publish(1, HELLO)
    assert protocol.to_send() == first.replace(b"a/b\x00\x01", b"a/b\x00\x02")


@pytest.mark.parametrize(
    ("level", "request_", "answer"),
    [
        (MQTT_3_1_1, b"\x82\x0a\x00\x01\x00\x01a\x00\x00\x01b\x01", b"\x90\x04\x00\x01\x00\x80"),
        (MQTT_5, b"\x82\x0b\x00\x01\x00\x00\x01a\x00\x00\x01b\x01", b"\x90\x05\x00\x01\x00\x00\x80"),
    ],
)
def test_subscribing(level: int, request_: bytes, answer: bytes) -> None:
    protocol = connected(level)
    assert protocol.subscribe([("a", 0), ("b", 1)]) == 1
    assert protocol.to_send() == request_
    protocol.receive(answer)
    assert protocol.subacks == [(1, b"\x00\x80")]


def test_messages_come_in_order_and_those_of_qos_1_are_confirmed() -> None:
    protocol = connected()
    protocol.receive(b"\x31\x06\x00\x01a\x00up")
    protocol.receive(b"\x32\x0a\x00\x01b\x00\x05\x02\x01\x01xx")
    assert protocol.take_messages() == [
        Message(b"a", b"up", True, None),
        Message(b"b", b"xx", False, 5),
    ]
    assert protocol.to_send() == b"\x40\x02\x00\x05"


def test_an_old_broker_s_refusal_of_the_version_is_understood() -> None:
    protocol = connected(welcome=b"\x20\x02\x00\x01")
    assert protocol.connack is not None
    assert protocol.connack.reason == 0x84


def test_everything_that_a_connack_can_say() -> None:
    told = b"\x11\x00\x00\x00\x05\x13\x00\x1e\x1f\x00\x02hi\x26\x00\x01k\x00\x01v\x12\x00\x01c\x22\x00\x0a\x2a\x01"
    protocol = limited(told)
    assert protocol.connack is not None
    assert (protocol.connack.told, protocol.connack.assigned_client_id) == ("hi", "c")
    assert protocol.connack.limits.keepalive_seconds == 30


def test_why_the_broker_ends_the_connection_is_known() -> None:
    protocol = connected()
    protocol.receive(b"\xe0\x06\x8e\x04\x1f\x00\x01x")
    assert protocol.ended is not None
    assert (protocol.ended.reason, protocol.ended.told) == (0x8E, "x")


def test_pings_and_the_goodbye() -> None:
    protocol = connected()
    protocol.ping()
    protocol.receive(b"\xd0\x00")
    protocol.disconnect()
    assert protocol.to_send() == b"\xc0\x00\xe0\x00"


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


@pytest.mark.parametrize(
    ("ours", "theirs", "pinged_after"),
    [(20, None, 20), (20, 0, 20), (20, 65_535, 20), (20, 5, 5), (0, None, None), (0, 30, 30)],
)
def test_the_shorter_keepalive_counts(ours: int, theirs: int | None, pinged_after: int | None) -> None:
    protocol = limited(b"" if theirs is None else b"\x13" + theirs.to_bytes(2, "big"))
    protocol.to_send()
    alive = KeepAlive(protocol, ours, 0.0)
    alive.tick(False, (pinged_after or 1_000_000) - 0.1)
    assert protocol.to_send() == b""
    if pinged_after is not None:
        alive.tick(False, pinged_after)
        assert protocol.to_send() == b"\xc0\x00"
        with pytest.raises(TimeoutError):
            alive.tick(False, 2 * pinged_after)
