"""Non-blocking socket with a send buffer; it waits until data arrives or another thread wakes it."""

import select
import socket
import ssl

from cloud.mqtt.dialing import CHUNK_BYTES

_MOST_CHUNKS = 16
"""Maximum chunks per read: TLS returns 16 KiB at a time, and poll() does not report what TLS has buffered."""

MOST_UNSENT_BYTES = 4_194_304
"""A broker that sends but does not read gets no further answers: beyond this, nothing is read either."""


class Transport:
    """Owns a connected socket until `close`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unsent = b""
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        self._asleep = False
        self._unacknowledged = False

    def wake(self) -> None:
        """End the current wait, or prevent the next one; thread-safe."""
        if self._asleep:
            self._asleep = False
            self._waker.send(b"\0")

    def send(self, data: bytes) -> None:
        """Send bytes; what the kernel does not accept is buffered.

        A lost connection is reported by `receive`, after the data before its end, which may tell why it ended.

        Raises:
            OSError: TLS error.
        """
        self._unsent = self._unsent + data if self._unsent else data
        try:
            while self._unsent:
                sent = self._connection.send(self._unsent)
                self._unacknowledged = False
                self._unsent = self._unsent[sent:]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # `receive` waits until the socket is writable
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self._unsent = b""

    def prepare_to_sleep(self) -> None:
        """Make `wake` effective from now on; check for work once more before waiting in `receive`."""
        self._asleep = True

    def receive(self, seconds: float) -> bytes:
        """Return received data, waiting up to ``seconds`` for it; empty on timeout.

        Raises:
            OSError: the connection is gone.
        """
        wanted = select.POLLIN if len(self._unsent) < MOST_UNSENT_BYTES else 0
        if self._unacknowledged:
            self._acknowledge_at_once()
        self._poll.modify(self._connection, wanted | (select.POLLOUT if self._unsent else 0))
        ready = self._poll.poll(seconds * 1000)
        self._asleep = False
        if self._unsent:
            self.send(b"")
        received = b""
        for descriptor, event in ready:
            if descriptor == self._woken.fileno():
                self._woken.recv(CHUNK_BYTES)
            elif wanted or event & ~select.POLLOUT:
                received = self._read()
                self._unacknowledged = True
        return received

    def _read(self) -> bytes:
        chunks: list[bytes] = []
        try:
            while len(chunks) < _MOST_CHUNKS:
                chunk = self._connection.recv(CHUNK_BYTES)
                if not chunk:
                    if chunks:
                        break  # return the data before the end first
                    raise ConnectionResetError("the broker closed the connection")
                chunks.append(chunk)
                if not isinstance(self._connection, ssl.SSLSocket):
                    return chunk
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # no more data
        return b"".join(chunks)

    def _acknowledge_at_once(self) -> None:
        """Acknowledge received data at once, unless a sent packet has carried the acknowledgement.

        Linux delays it by 40 ms, and a broker without TCP_NODELAY (Mosquitto's default) sends nothing more meanwhile.
        Linux forgets the option, so it is set each time.
        """
        self._unacknowledged = False
        if hasattr(socket, "TCP_QUICKACK"):
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def close(self) -> None:
        """Close the socket; unsent data is discarded."""
        for each in (self._connection, self._woken, self._waker):
            each.close()
