"""A client that costs nothing to speak of: packets made beforehand, sent and received in bulk over a plain socket."""

import socket
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

_PINGRESP = b"\xd0\x00"


def publish_packet(topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    """Return an MQTT PUBLISH of QoS 0."""
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + payload
    return bytes([0x30 | retain]) + _length(len(body)) + body


def publish_packet_of_qos_2(topic: str, payload: bytes, number: int) -> bytes:
    """Return a retained MQTT PUBLISH of QoS 2; its identifier goes by its number."""
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + struct.pack("!H", number % 65_535 + 1) + payload
    return b"\x35" + _length(len(body)) + body


def aliased_packets(topic: str, payloads: Sequence[bytes]) -> list[bytes]:
    """Return MQTT 5 PUBLISH packets of QoS 0: the first sets a topic alias, and the others have only that."""
    bodies = [
        (_text(topic.encode()) if number == 0 else b"\x00\x00") + b"\x03\x23\x00\x01" + payload
        for number, payload in enumerate(payloads)
    ]
    return [b"\x30" + _length(len(body)) + body for body in bodies]


def _text(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


def _length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


class Wire:
    """A connection that sends bytes as they are; ``level`` is 4 for MQTT 3.1.1 and 5 for MQTT 5.

    A call that waits for longer than ``seconds`` raises `TimeoutError`.
    """

    def __init__(self, port: int, client_id: str, level: int = 4, seconds: float | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        properties = b"\x00" if level == 5 else b""
        body = b"\x00\x04MQTT" + bytes([level]) + b"\x02\x00\x00" + properties + _text(client_id.encode())
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        self._expect(self._socket.recv(2)[1])

    def send(self, packets: bytes) -> None:
        """Send it all; return when the kernel has it."""
        self._socket.sendall(packets)

    def exchange(self, packets: bytes) -> bytes:
        """Send it all, and return some of what came, at least a byte."""
        self._socket.sendall(packets)
        received = self._socket.recv(1 << 18)
        assert received, "the broker closed the connection"
        return received

    def settle(self) -> None:
        """Return when the broker has taken all that was sent."""
        self._socket.sendall(b"\xc0\x00")
        self._expect(len(_PINGRESP))

    def pace(self, packets: Iterable[bytes], a_second: int, stop: threading.Event | None = None) -> None:
        """Send packets at a steady rate, in bursts of a hundredth of a second, until they or the time end."""
        began = time.monotonic()
        burst: list[bytes] = []
        pause = stop or threading.Event()
        for number, packet in enumerate(packets):
            burst.append(packet)
            if len(burst) >= max(a_second // 100, 1):
                self.send(b"".join(burst))
                burst.clear()
                if pause.wait(max(began + (number + 1) / a_second - time.monotonic(), 0)):
                    return
        self.send(b"".join(burst))

    def _expect(self, count: int) -> None:
        while count:
            got = self._socket.recv(count)
            assert got, "the broker closed the connection"
            count -= len(got)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
