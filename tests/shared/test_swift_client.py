"""paho's client, quicker: the same messages and confirmations as paho's own, however the bytes come."""

import socket
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from shared.messages import Publication
from shared.mqtt import BrokerLink
from shared.read_ahead import ReadAhead
from shared.swift_client import SwiftClient
from tests.shared.links import running
from tests.support.broker import Mosquitto
from tests.support.waiting import DEADLINE_SECONDS

MANY = 900
"""More than are in flight at once, and fewer than a Mosquitto as it comes queues for the one who listens."""

Said = tuple[bytes, bytes, bool]


class Listening(SwiftClient):
    """A client whose connection is a pair of sockets, read by hand."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(CallbackAPIVersion.VERSION2)
        connection.setblocking(False)
        self.ahead = ReadAhead(connection)
        self._sock = self.ahead
        self.heard: list[Said] = []
        self.on_quick = lambda topic, payload, retained: self.heard.append((topic, payload, retained))
        self.on_message = lambda _c, _u, message: self.heard.append(
            (message._topic, bytes(message.payload), message.retain)
        )


def packet(topic: bytes, payload: bytes, retained: bool, qos: int = 0) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + (b"\x00\x07" if qos else b"") + payload
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (128 if length else 0))
        if not length:
            return bytes([0x30 | qos << 1 | retained]) + digits + body


def heard_of(pieces: list[bytes]) -> list[Said]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = Listening(ours)
        for piece in pieces:
            theirs.sendall(piece)
            client.loop_read()
            while client.socket() is not None and client.ahead.pending():
                client.loop_read()
        return client.heard


messages = st.tuples(
    st.text(min_size=1, max_size=40).map(str.encode),
    st.one_of(st.binary(max_size=200), st.sampled_from([b"x" * 127, b"x" * 16_300, b"x" * 20_000])),
    st.booleans(),
    st.sampled_from([0, 0, 0, 1]),
)


@given(st.lists(messages, max_size=12), st.lists(st.integers(0, 60_000), max_size=8))
def test_the_same_messages_are_heard_wherever_the_bytes_are_cut(
    said: list[tuple[bytes, bytes, bool, int]], cuts: list[int]
) -> None:
    stream = b"".join(packet(*message) for message in said)
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert heard_of(pieces) == [message[:3] for message in said]


@pytest.mark.parametrize("raw", [b"\x30\x03\x00\x09a", b"\x30\x02\x00\x00", b"\x00\x00\x00"])
def test_what_is_not_mqtt_ends_the_connection(raw: bytes) -> None:
    """A topic that is longer than its packet, an empty one, a packet of no kind."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = Listening(ours)
        theirs.sendall(raw)
        assert client.loop_read() != 0
        assert client.socket() is None
        assert client.heard == []


def test_many_messages_of_qos_2_are_confirmed_and_retained(broker: Mosquitto) -> None:
    confirmed: set[int] = set()
    connected, done = threading.Event(), threading.Event()

    def confirm(number: int) -> None:
        confirmed.add(number)
        if len(confirmed) == MANY:
            done.set()

    link = BrokerLink(broker.url, "many", on_connection=lambda _up: connected.set(), on_confirmed=confirm)
    with running(link):
        assert connected.wait(DEADLINE_SECONDS)
        said = [Publication(f"many/{number}", b"%d" % number, qos=2, retain=True) for number in range(MANY)]
        numbers = {link.publish(publication) for publication in said}
        assert done.wait(DEADLINE_SECONDS)
    assert confirmed == numbers
    kept = broker.retained("many/+")
    assert {topic: heard.payload for topic, heard in kept.items()} == {
        f"many/{number}": b"%d" % number for number in range(MANY)
    }


def test_messages_of_one_topic_keep_their_order(broker: Mosquitto) -> None:
    connected = threading.Event()
    link = BrokerLink(broker.url, "order", on_connection=lambda _up: connected.set())
    with broker.hear("order") as ear, running(link):
        assert connected.wait(DEADLINE_SECONDS)
        for number in range(MANY):
            link.publish(Publication("order", b"%d" % number, qos=2, retain=True))
        assert [int(ear.next().payload) for _ in range(MANY)] == list(range(MANY))
