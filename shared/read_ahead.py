"""A socket that reads as much as has come, so that a packet does not take three system calls."""

import ssl
from typing import Any

CHUNK_BYTES = 65536


class ReadAhead:
    """Stands before a connected socket and hands on all but reading, which goes through ``ahead[at:]``."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.ahead = b""
        self.at = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def fill(self) -> bool:
        """Replace what was read ahead by what has come since; return False where that is nothing, or the end."""
        try:
            self.ahead, self.at = self._connection.recv(CHUNK_BYTES), 0
        except (OSError, ssl.SSLError):  # `recv` runs into it, too, and says it to whoever asks
            self.ahead, self.at = b"", 0
        return bool(self.ahead)

    def recv(self, most: int) -> bytes:
        """Return up to so many bytes, as a socket does."""
        if self.at >= len(self.ahead):
            self.ahead, self.at = self._connection.recv(CHUNK_BYTES), 0
        taken = self.ahead[self.at : self.at + most]
        self.at += len(taken)
        return taken

    def pending(self) -> int:
        """Return how many bytes can be had without asking the kernel; paho does not wait in `select` for these."""
        inside = self._connection.pending() if isinstance(self._connection, ssl.SSLSocket) else 0
        return len(self.ahead) - self.at + inside
