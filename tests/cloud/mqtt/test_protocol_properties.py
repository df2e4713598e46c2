"""The protocol held against a broker that is a slow, obvious model, and against paho's own packets."""

import io
import random
from collections import deque
from itertools import pairwise

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud.mqtt.packets import MOST_PACKET_BYTES, MQTT_3_1_1, MQTT_5, Login
from cloud.mqtt.protocol import Protocol
from cloud.mqtt.reading import ProtocolError
from shared.mqtt.messages import Publication
from tests.shared.mqtt.raw_broker import RawBroker
from tests.support.waiting import wait_until

REFUSALS = (0x80, 0x87, 0x95, 0x97, 0x99)
SUCCESS = 0


class ModelBroker:
    """Reads packets one at a time from what a client sends, and answers each as it was decided beforehand."""

    def __init__(self, level: int, receive_maximum: int, reasons: list[int]) -> None:
        self.level = level
        self.receive_maximum = receive_maximum
        self.reasons = deque(reasons)
        self.under_way: dict[int, int] = {}
        self.retained: list[int] = []
        self.refused: list[tuple[int, int]] = []
        self._unread = b""

    def welcome(self) -> bytes:
        if self.level == MQTT_3_1_1:
            return b"\x20\x02\x00\x00"
        return b"\x20\x06\x00\x00\x03\x21" + self.receive_maximum.to_bytes(2, "big")

    def take(self, data: bytes) -> list[bytes]:
        """Return the answers to what can be read of the stream, a packet each."""
        self._unread += data
        answers = []
        while (packet := self._next()) is not None:
            answers += self._answer(*packet)
        return answers

    def _next(self) -> tuple[int, bytes] | None:
        stream = io.BytesIO(self._unread)
        head, length, shift = stream.read(1), 0, 0
        while head:
            byte = stream.read(1)
            if not byte:
                return None
            length |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                body = stream.read(length)
                if len(body) < length:
                    return None
                self._unread = stream.read()
                return head[0], body
        return None

    def _answer(self, head: int, body: bytes) -> list[bytes]:
        if head >> 4 == 3:
            qos, name = head >> 1 & 3, int.from_bytes(body[:2], "big")
            identifier, number = body[2 + name : 4 + name], int(body[2 : 2 + name])
            key = int.from_bytes(identifier, "big")
            assert key not in self.under_way, "an identifier that is in use"
            assert len(self.under_way) < self.receive_maximum, "more than the broker allows"
            reason = self.reasons.popleft() if self.reasons and self.level == MQTT_5 else SUCCESS
            kind = 0x40 if qos == 1 else 0x50
            if reason:
                self.refused.append((number, reason))
                return [bytes((kind, 3)) + identifier + bytes((reason,))]
            if qos == 1:
                self.retained.append(number)
            else:
                self.under_way[key] = number
            return [bytes((kind, 2)) + identifier]
        if head == 0x62:
            self.retained.append(self.under_way.pop(int.from_bytes(body[:2], "big")))
            return [b"\x70\x02" + body[:2]]
        assert head == 0x10, f"a packet of kind {head:x}"
        return []


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Return a stream in pieces."""
    marks = sorted({0, *(place % (len(stream) + 1) for place in places), len(stream)})
    return [stream[start:end] for start, end in pairwise(marks)]


@given(
    level=st.sampled_from([MQTT_3_1_1, MQTT_5]),
    most=st.integers(1, 12),
    receive_maximum=st.integers(1, 12),
    qualities=st.lists(st.sampled_from([1, 2, 2]), max_size=40),
    reasons=st.lists(st.sampled_from([SUCCESS, SUCCESS, *REFUSALS]), max_size=60),
    places=st.lists(st.integers(0, 400), max_size=6),
)
def test_what_is_accepted_is_what_the_broker_has(  # noqa: PLR0917 - hypothesis hands them over by name
    level: int, most: int, receive_maximum: int, qualities: list[int], reasons: list[int], places: list[int]
) -> None:
    receive_maximum = receive_maximum if level == MQTT_5 else 65_535
    broker = ModelBroker(level, receive_maximum, reasons)
    protocol = Protocol(Login("me", 20), level, most)
    messages = [Publication(str(number), b"x" * number * 9, qos, retain=True) for number, qos in enumerate(qualities)]
    for number, message in enumerate(messages):
        protocol.publish(number, message)
    accepted: list[int] = []
    refused: list[tuple[int, int]] = []
    broker.take(protocol.to_send())
    pieces = [broker.welcome()]
    for _ in range(10_000):
        for piece in pieces:
            protocol.receive(piece)
        outcomes = protocol.take_outcomes()
        accepted += outcomes.accepted
        refused += [*outcomes.refused, *((number, 0x97) for number in outcomes.over_quota)]
        answers = [answer for part in cut(protocol.to_send(), places) for answer in broker.take(part)]
        if not answers:
            break
        pieces = cut(b"".join(answers), places)
    assert accepted == broker.retained
    assert sorted(refused) == sorted(broker.refused)
    assert sorted([*accepted, *(number for number, _ in refused)]) == list(range(len(messages)))


@given(st.lists(st.binary(max_size=30), max_size=8), st.sampled_from([MQTT_3_1_1, MQTT_5]), st.booleans())
def test_nothing_that_comes_raises_anything_but_a_protocol_error(
    pieces: list[bytes], level: int, is_connected: bool
) -> None:
    protocol = Protocol(Login("me", 20), level, 10)
    if is_connected:
        protocol.receive(b"\x20\x02\x00\x00" if level == MQTT_3_1_1 else b"\x20\x03\x00\x00\x00")
        for number in range(3):
            protocol.publish(number, Publication("a", b"1", 1 + number % 2, retain=True))
        protocol.to_send()
    try:
        for piece in pieces:
            protocol.receive(piece)
    except ProtocolError:
        return
    protocol.to_send()
    assert set(protocol.take_outcomes().accepted) <= {0, 1, 2}


LOGINS = [
    Login("me", 20),
    Login("me", 65_535, "ada"),
    Login("me", 300, "ada", "s\u00e9cret", Publication("w/\u00fc", b"0" * 200, qos=1, retain=True)),
]


@pytest.mark.parametrize("level", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("login", LOGINS, ids=["plain", "user", "everything"])
def test_what_is_sent_is_the_same_bytes_as_paho_s(level: int, login: Login) -> None:
    dice = random.Random(1)
    sizes = [0, 1, 100, 127, 128, 16_200, 16_383, 16_384, 300_000]
    messages = [
        Publication("t/" + "\u00fc" * dice.randrange(60), dice.randbytes(size), qos, retain)
        for size in sizes
        for qos in (1, 2)
        for retain in (False, True)
    ]
    client = paho.Client(CallbackAPIVersion.VERSION2, login.client_id, protocol=MQTTProtocolVersion(level))
    client.max_inflight_messages_set(0)
    if login.username is not None:
        client.username_pw_set(login.username, login.password)
    if login.will is not None:
        client.will_set(login.will.topic, login.will.payload, login.will.qos, login.will.retain)
    properties = None
    if level == MQTT_5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MOST_PACKET_BYTES
    protocol = Protocol(login, level, 1000)
    with RawBroker() as broker:
        client.connect_async(broker.url.host, broker.url.port, login.keepalive_seconds, properties=properties)
        client.loop_start()
        session = broker.accept()
        ours = protocol.to_send()
        assert session.receive_raw() == ours
        welcome = b"\x20\x02\x00\x00" if level == MQTT_3_1_1 else b"\x20\x03\x00\x00\x00"
        session.send(welcome)
        wait_until(client.is_connected, "paho to be connected")
        protocol.receive(welcome)
        for number, message in enumerate(messages):
            client.publish(message.topic, message.payload, message.qos, message.retain)
            protocol.publish(number, message)
            assert session.receive_raw() == protocol.to_send()
        client.disconnect()
        client.loop_stop()
