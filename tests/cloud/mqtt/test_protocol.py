"""The protocol on bytes: what is sent, what is accepted or refused, and what ends a connection."""

import pytest

from cloud.mqtt import packets
from cloud.mqtt.keepalive import STALLED_SECONDS, BrokerStalled, KeepAlive, Progress
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.packets import MQTT_3_1_1, MQTT_5, Login
from cloud.mqtt.protocol import Protocol
from cloud.mqtt.reading import Message
from shared.mqtt.messages import Publication
from tests.support.protocols import HELLO, LOGIN, WELCOME, connected, limited


def test_connect_is_sent_first_and_messages_wait_for_the_answer() -> None:
    protocol = Protocol(LOGIN, MQTT_5, 100)
    protocol.publish(1, HELLO)
    assert protocol.to_send() == b"\x10\x14\x00\x04MQTT\x05\x02\x00\x14\x05\x27\x00\x01\x00\x00\x00\x02me"
    assert protocol.to_send() == b""
    protocol.receive(WELCOME[MQTT_5])
    assert protocol.to_send()[0] == 0x35


def test_a_message_that_expires_says_so_where_the_version_has_a_word_for_it() -> None:
    message = Publication("a/b", b"x", qos=1, retain=True, expiry_seconds=258)
    old, new = (packets.publish(message, 1, 7, level) for level in (MQTT_3_1_1, MQTT_5))
    assert old == b"\x33\x08\x00\x03a/b\x00\x07x"
    assert new == b"\x33\x0e\x00\x03a/b\x00\x07\x05\x02\x00\x00\x01\x02x"


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


def test_an_unexpected_answer_changes_nothing() -> None:
    protocol = connected()
    protocol.receive(b"\x50\x02\x00\x09\x70\x02\x00\x09\x40\x02\x00\x09\x50\x03\x00\x09\x87")
    assert protocol.to_send() == b"\x62\x03\x00\x09\x92"
    assert not protocol.take_outcomes()


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
    properties = (
        b"\x11\x00\x00\x00\x05\x13\x00\x1e\x1f\x00\x02hi\x26\x00\x01k\x00\x01v\x12\x00\x01c\x22\x00\x0a\x2a\x01"
    )
    protocol = limited(properties)
    assert protocol.connack is not None
    assert (protocol.connack.reason_string, protocol.connack.assigned_client_id) == ("hi", "c")
    assert protocol.connack.limits.keepalive_seconds == 30


def test_why_the_broker_ends_the_connection_is_known() -> None:
    protocol = connected()
    protocol.receive(b"\xe0\x06\x8e\x04\x1f\x00\x01x")
    assert protocol.ended is not None
    assert (protocol.ended.reason, protocol.ended.reason_string) == (0x8E, "x")


def test_pings_and_the_goodbye() -> None:
    protocol = connected()
    protocol.ping()
    protocol.receive(b"\xd0\x00")
    protocol.disconnect()
    assert protocol.to_send() == b"\xc0\x00\xe0\x00"


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


def test_a_message_that_is_never_answered_is_noticed_though_others_are() -> None:
    protocol = connected()
    protocol.publish(0, HELLO)
    protocol.to_send()
    progress = Progress(protocol, 0.0)
    progress.tick(0.0)
    for second in range(1, 60):
        protocol.publish(second, HELLO)
        protocol.to_send()
        answer = (second + 1).to_bytes(2, "big")
        protocol.receive(b"\x50\x02" + answer + b"\x70\x02" + answer)
        progress.tick(float(second))
    with pytest.raises(BrokerStalled, match="60 s"):
        progress.tick(STALLED_SECONDS)


def test_a_message_that_is_released_and_never_completed_is_noticed() -> None:
    protocol = connected()
    protocol.publish(0, HELLO)
    protocol.to_send()
    progress = Progress(protocol, 0.0)
    progress.tick(59.0)
    protocol.receive(b"\x50\x02\x00\x01")
    progress.tick(STALLED_SECONDS)
    progress.tick(STALLED_SECONDS + 59.0)
    with pytest.raises(BrokerStalled):
        progress.tick(2 * STALLED_SECONDS + 1.0)


def test_an_idle_connection_is_no_stalled_one() -> None:
    progress = Progress(connected(), 0.0)
    progress.tick(10 * STALLED_SECONDS)


def _live(payload: bytes, head: int = 0x30) -> bytes:
    return bytes((head, 5)) + b"\x00\x01a\x00" + payload


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ([b"1", b"0", b"1", b"0"], [(b"1", 2), (b"0", 2)]),
        ([b"1", b"0", b"1"], [(b"0", 1), (b"1", 2)]),
        ([b"1", b"1", b"1"], [(b"1", 3)]),
    ],
)
def test_repeats_within_one_read_are_counted_and_the_last_state_stays_last(
    received: list[bytes], expected: list[tuple[bytes, int]]
) -> None:
    protocol = connected()
    protocol.receive(b"".join(map(_live, received)))
    assert [(message.payload, message.times) for message in protocol.take_messages()] == expected


def test_live_messages_keep_their_order_with_retained_and_confirmed_ones() -> None:
    protocol = connected()
    probe = b"\x32\x07\x00\x01p\x00\x05\x00x"
    protocol.receive(_live(b"0") + _live(b"1", 0x31) + _live(b"0") + probe + _live(b"0"))
    assert [message.payload for message in protocol.take_messages()] == [b"0", b"1", b"0", b"x", b"0"]


@pytest.mark.parametrize(
    ("level", "packet", "answer"),
    [
        (MQTT_3_1_1, b"\xa2\x07\x00\x01\x00\x03a/b", b"\xb0\x02\x00\x01"),
        (MQTT_5, b"\xa2\x08\x00\x01\x00\x00\x03a/b", b"\xb0\x04\x00\x01\x00\x00"),
    ],
)
def test_a_subscription_is_ended(level: int, packet: bytes, answer: bytes) -> None:
    protocol = connected(level)
    protocol.unsubscribe(["a/b"])
    assert protocol.to_send() == packet
    protocol.receive(answer)
    assert protocol.to_send() == b""
