"""A socket that does not block, with what waits to be sent; it sleeps until bytes come or another thread wakes it."""

import select
import socket
import ssl

from cloud.mqtt.dialing import CHUNK_BYTES

_MOST_CHUNKS = 16
"""How many chunks are read in a row: TLS hands out 16 KiB at a time, and what it holds does not wake anybody."""


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

    def wake(self) -> None:
        """End a sleep, or keep the next one from beginning; may be called on any thread."""
        if self._asleep:
            self._asleep = False
            self._waker.send(b"\0")

    def send(self, data: bytes) -> None:
        """Send bytes, or keep what the kernel does not take until it does.

        That the connection is gone shows in `receive`, after what came before its end: that may say why it ended.

        Raises:
            OSError: TLS failed.
        """
        self._unsent = self._unsent + data if self._unsent else data
        try:
            while self._unsent:
                sent = self._connection.send(self._unsent)
                self._unsent = self._unsent[sent:]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # `receive` waits until there is room
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self._unsent = b""

    def prepare_to_sleep(self) -> None:
        """Have `wake` count from now on; look once more for work after this, and sleep only where there is none."""
        self._asleep = True

    def receive(self, seconds: float) -> bytes:
        """Return what has come; sleep up to so long for it, and return nothing where that ends without any.

        Raises:
            OSError: the connection is gone.
        """
        self._poll.modify(self._connection, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        ready = self._poll.poll(seconds * 1000)
        self._asleep = False
        if self._unsent:
            self.send(b"")
        received = b""
        for descriptor, _event in ready:
            if descriptor == self._woken.fileno():
                self._woken.recv(CHUNK_BYTES)
            else:
                received = self._read()
        return received

    def _read(self) -> bytes:
        chunks: list[bytes] = []
        try:
            while len(chunks) < _MOST_CHUNKS:
                chunk = self._connection.recv(CHUNK_BYTES)
                if not chunk:
                    if chunks:
                        break  # first what came before the end
                    raise ConnectionResetError("the broker closed the connection")
                chunks.append(chunk)
                if not isinstance(self._connection, ssl.SSLSocket):
                    return chunk
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # that was all
        return b"".join(chunks)

    def close(self) -> None:
        """Close the socket; nothing more goes out."""
        for each in (self._connection, self._woken, self._waker):
            each.close()
