"""A lamp that sends as much as its connection takes: raw MQTT packets over TLS, faster than a client library."""

import select
import ssl
import struct
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from cloud.mqtt.packets import MQTT_3_1_1, PING, subscribe, variable_length
from tests.support.callers import Pair, trusting
from tests.support.secure import Installed, RawCall

_ALL_IS_READ = b"\xd0\0"  # PINGRESP
_BLOCK_BYTES = 65_536


def publish(topic: str, payload: bytes, *, qos: int = 0, retain: bool = True, identifier: int = 1) -> bytes:
    """Return a PUBLISH packet of MQTT 3.1.1."""
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + (struct.pack("!H", identifier) if qos else b"") + payload
    return bytes((0x30 | qos << 1 | retain,)) + variable_length(len(body)) + body


def subscriptions(filters: Iterable[str]) -> bytes:
    """Return a SUBSCRIBE packet for each filter."""
    return b"".join(subscribe(1, [(topic_filter, 1)], MQTT_3_1_1) for topic_filter in filters)


class FloodingLamp:
    """A provisioned lamp's connection, with a session that the broker keeps.

    It reads the answers while it sends, unless it ``reads`` nothing.
    """

    def __init__(self, installed: Installed, pair: Pair, *, reads: bool = True) -> None:
        self._reads = reads
        self._call = RawCall(installed, trusting(installed.ca, pair))
        assert self._call.sign_in(clean=False)
        self._call.tls.setblocking(False)
        self._received = bytearray()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.sent = 0
        self.is_cut_off = False

    def send(self, packets: bytes, seconds: float = 60) -> None:
        """Send packets; return when the connection has taken them, or when the broker has cut it."""
        rest, end = memoryview(packets), time.monotonic() + seconds
        while rest and not self.is_cut_off and not self._stop.is_set():
            assert time.monotonic() < end, "the broker takes nothing"
            try:
                rest = rest[self._call.tls.send(rest[:_BLOCK_BYTES]) :]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([self._call.tls], [self._call.tls], [], 1)
            except OSError:
                self.is_cut_off = True
            if self._reads:
                self._receive()

    def send_on(self, packets: bytes, messages: int) -> None:
        """Send ``packets``, which hold so many messages, again and again until `close`."""

        def send() -> None:
            while not self._stop.is_set() and not self.is_cut_off:
                self.send(packets)
                self.sent += messages

        self._thread = threading.Thread(target=send, daemon=True)
        self._thread.start()

    def wait_until_all_is_read(self, seconds: float = 60) -> None:
        """Return when the broker has handled everything sent so far, or has cut the connection."""
        end = time.monotonic() + seconds
        self.send(PING)
        while _ALL_IS_READ not in self._received and not self.is_cut_off:
            assert time.monotonic() < end, "the broker answers no ping"
            select.select([self._call.tls], [], [], 1)
            self._receive()
        self._received.clear()

    def _receive(self) -> None:
        try:
            while block := self._call.tls.recv(_BLOCK_BYTES):
                self._received = (self._received + block)[-_BLOCK_BYTES:]
            self.is_cut_off = True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.is_cut_off = True

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._call.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
