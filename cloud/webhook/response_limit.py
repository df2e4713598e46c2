"""A limit on the size of a webhook receiver's response.

`http.client` skips informational responses in a loop without end, and accepts 100 headers of 64 KiB each.
"""

import http.client
import io
from typing import Any

MOST_BYTES = 64 * 1024
"""Bytes up to the end of the headers, with all informational responses. Servers send a few hundred."""


class ResponseTooLarge(http.client.HTTPException):
    """The response has more than `MOST_BYTES`."""


class LimitedResponse(http.client.HTTPResponse):
    """A response of which at most `MOST_BYTES` are read. Reading on raises `ResponseTooLarge`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fp: io.BufferedReader = io.BufferedReader(_LimitedStream(self.fp.detach()))


class _LimitedStream(io.RawIOBase):
    """The bytes of another stream, up to the limit."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._left = MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._left <= 0:
            raise ResponseTooLarge
        count = self._stream.readinto(memoryview(buffer)[: self._left])
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
