"""A failing network: a TCP proxy that cuts, stalls and delays its connections."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.waiting import DEADLINE_SECONDS

T = TypeVar("T")
_PIECE = 1 << 16

MQTT_3_1_1 = 4
UNACCEPTABLE_VERSION = b"\x20\x02\x00\x01"
"""CONNACK with the return code 1 of MQTT 3.1.1, in its format."""


class TcpProxy:
    """Forwards a loopback port to another one, as well as it is set to.

    It runs on a thread of its own. `stall` holds back what is under way, in both directions, until `flow`; `cut`
    resets all connections; while it refuses, new ones are reset at once.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.delay_seconds = 0.0
        self.refuses = False
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def start(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def stop(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_SECONDS)
        self._loop.close()

    @property
    def connections(self) -> int:
        """How many connections pass through it now."""
        return len(self._tasks)

    def cut(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self._abort)

    def stall(self) -> None:
        """Let nothing through, and close nothing."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def flow(self) -> None:
        """Let everything through again."""
        self.delay_seconds = 0.0
        self.refuses = False
        self._loop.call_soon_threadsafe(self._open.set)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_SECONDS)

    async def _listen(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _abort(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.refuses:
            writer.transport.abort()
            return
        self.accepted += 1
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._connect(reader, writer)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b"") -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        far_writer.write(first)
        self._writers.add(far_writer)
        ways = [
            asyncio.ensure_future(self._carry(reader, far_writer)),
            asyncio.ensure_future(self._carry(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()
            self._writers.discard(far_writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await self._open.wait()
                writer.write(self._changed(piece))
                await writer.drain()

    def _changed(self, piece: bytes) -> bytes:
        return piece

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class OldBroker(TcpProxy):
    """Stands before a broker and makes it one that knows MQTT 3.1.1 and nothing newer, as those before 2018 are."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self.rejections = 0

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b"") -> None:
        first = await reader.read(_PIECE)
        level = first[first.index(b"MQTT") + 4]
        if level > MQTT_3_1_1:
            self.rejections += 1
            writer.write(UNACCEPTABLE_VERSION)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        else:
            await super()._connect(reader, writer, first)


class StorablePages(TcpProxy):
    """Stands before a page, and lets Chromium keep it in memory for the back button.

    Chromium keeps no page that is `no-store`. WebKit, as in Safari, does, unless it was loaded over HTTPS.
    """

    def _changed(self, piece: bytes) -> bytes:
        return piece.replace(b"no-store", b"no-cache")  # as long; the server sends the head of an answer in one piece
