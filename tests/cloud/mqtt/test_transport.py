"""The non-blocking socket: its buffer, its wake-up, and data received before the connection's end."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cloud.mqtt.transport import MOST_UNSENT_BYTES, Transport
from tests.support.waiting import DEADLINE_SECONDS

MUCH = b"x" * 4_000_000


@pytest.fixture
def pair() -> Iterator[tuple[Transport, socket.socket]]:
    """Give a transport and the other end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        ours.setblocking(False)
        theirs.settimeout(DEADLINE_SECONDS)
        transport = Transport(ours)
        with theirs:
            yield transport, theirs
        transport.close()


def test_what_the_kernel_does_not_take_is_sent_as_it_does(pair: tuple[Transport, socket.socket]) -> None:
    transport, theirs = pair
    transport.send(MUCH)
    transport.send(b"end")
    received = bytearray()

    def read() -> None:
        while len(received) < len(MUCH) + 3:
            received.extend(theirs.recv(1 << 20))

    reader = threading.Thread(target=read)
    reader.start()
    while reader.is_alive():
        transport.receive(0.01)
    assert received == MUCH + b"end"


def test_another_thread_ends_its_sleep(pair: tuple[Transport, socket.socket]) -> None:
    transport, _ = pair
    began = time.monotonic()
    transport.prepare_to_sleep()
    transport.wake()  # before it sleeps
    assert transport.receive(DEADLINE_SECONDS) == b""
    transport.prepare_to_sleep()
    threading.Timer(0.05, transport.wake).start()
    assert transport.receive(DEADLINE_SECONDS) == b""
    assert time.monotonic() - began < DEADLINE_SECONDS


def test_it_sleeps_until_bytes_come(pair: tuple[Transport, socket.socket]) -> None:
    transport, theirs = pair
    threading.Timer(0.05, theirs.sendall, [b"hello"]).start()
    assert transport.receive(DEADLINE_SECONDS) == b"hello"


def test_what_came_before_the_end_is_heard_though_nothing_can_be_sent(pair: tuple[Transport, socket.socket]) -> None:
    transport, theirs = pair
    transport.send(b"unread, so that the end is a reset")
    theirs.sendall(b"why")
    while not theirs.recv(1, socket.MSG_PEEK):
        pass
    theirs.close()
    for _ in range(5):
        transport.send(b"too late")
    assert transport.receive(DEADLINE_SECONDS) == b"why"
    with pytest.raises(ConnectionResetError):
        transport.receive(DEADLINE_SECONDS)


def test_a_broker_that_does_not_read_is_not_read_either(pair: tuple[Transport, socket.socket]) -> None:
    transport, broker = pair
    transport.send(bytes(MOST_UNSENT_BYTES * 4))
    broker.send(b"hello")
    assert transport.receive(0.05) == b""
    received = b""
    while not received:
        broker.recv(1_000_000)
        received = transport.receive(0.0)
    assert received == b"hello"


def test_what_it_receives_is_acknowledged_at_once(pair: tuple[Transport, socket.socket]) -> None:
    """A broker without TCP_NODELAY holds back its next bytes until then: Linux takes 40 ms without the option."""
    transport, theirs = pair

    def exchange() -> float:
        """Return how long two small writes of the broker take to arrive, after something was sent to it."""
        transport.send(b"x")
        theirs.recv(1)
        began, received = time.monotonic(), 0
        for _ in range(2):
            theirs.send(b"x")
        while received < 2:
            received += len(transport.receive(DEADLINE_SECONDS))
        return time.monotonic() - began

    exchange()  # Linux delays nothing in the first
    assert min(exchange() for _ in range(20)) < 0.02
