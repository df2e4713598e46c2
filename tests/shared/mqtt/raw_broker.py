"""A broker that a test plays by hand, for what Mosquitto would never do."""

import contextlib
import socket
from types import TracebackType
from typing import Self

from shared.mqtt.broker_url import BrokerUrl
from tests.support.waiting import DEADLINE_SECONDS

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14
_ACCEPTED = b"\x20\x02\x00\x00"


class RawSession:
    """One client's connection, packet by packet (MQTT 3.1.1)."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(DEADLINE_SECONDS)

    def receive(self) -> tuple[int, bytes]:
        """Return the next packet: its kind and all that follows its length."""
        raw = self.receive_raw()
        after_length = next(place for place in range(1, len(raw)) if raw[place] < 128) + 1
        return raw[0] >> 4, raw[after_length:]

    def receive_raw(self) -> bytes:
        """Return the next packet as it came."""
        head = self._exactly(1)
        length = shift = 0
        while True:
            byte = self._exactly(1)
            head += byte
            length |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                return head + self._exactly(length)

    def expect(self, kind: int) -> bytes:
        received, body = self.receive()
        assert received == kind, f"packet {received} {body!r} in place of {kind}"
        return body

    def welcome(self) -> None:
        self.expect(CONNECT)
        self._connection.sendall(_ACCEPTED)

    def publish(self, topic: bytes, payload: bytes) -> None:
        """Send a message (QoS 0), whatever its topic."""
        body = len(topic).to_bytes(2, "big") + topic + payload
        assert len(body) < 128
        self.send(bytes([PUBLISH << 4, len(body)]) + body)

    def send(self, raw: bytes) -> None:
        self._connection.sendall(raw)

    def drop(self) -> None:
        self._connection.close()

    def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            piece = self._connection.recv(size - len(received))
            if not piece:
                raise ConnectionError("the client went away")
            received += piece
        return received


class RawBroker:
    """Listens on a loopback port of its own; `accept` waits for the next client."""

    def __init__(self, backlog: int = 5) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._listener.settimeout(DEADLINE_SECONDS)
        self._open: list[socket.socket] = []

    @property
    def url(self) -> BrokerUrl:
        return BrokerUrl("127.0.0.1", self._listener.getsockname()[1])

    def accept(self) -> RawSession:
        connection, _ = self._listener.accept()
        self._open.append(connection)
        return RawSession(connection)

    def fill_backlog(self) -> None:
        """Have the kernel leave every further attempt to connect without an answer."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._open.append(socket.create_connection(self._listener.getsockname(), timeout=0.2))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in (*self._open, self._listener):
            connection.close()
