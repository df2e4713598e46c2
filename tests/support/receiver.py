"""A webhook receiver: a real HTTP server that accepts, rejects, stalls, sends slowly, or is down."""

import json
import queue
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Told:
    """One delivery as it came in, and what was answered."""

    path: str
    headers: Message
    body: bytes
    status: int

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def kind_and_lamp(self) -> tuple[str, str]:
        return self.event["type"], self.event["data"]["device_id"]


class WebhookReceiver:
    """Listens on a loopback port of its own; ``statuses`` are answered one after the other, then 204.

    While ``stalled`` it answers nothing; ``drips`` sends a byte of a header every so many seconds.
    """

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.answers_with: dict[str, str] = {}
        self.body = b""
        self.drips: float | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._told: queue.Queue[Told] = queue.Queue()
        self._ending = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=abc"

    def next(self, seconds: float = DEADLINE_SECONDS) -> Told:
        return self._told.get(timeout=seconds)

    def nothing_more(self) -> bool:
        return self._told.empty()

    def start(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                receiver._told.put(Told(self.path, self.headers, body, status))
                receiver.may_answer.wait()
                if receiver.drips is not None:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
                    while not receiver._ending.wait(receiver.drips):
                        self.wfile.write(b"x")
                self.send_response(status)
                for name, value in receiver.answers_with.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # the sender hung up: what the tests are about

        self._ending.clear()
        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._ending.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.may_answer.set()
        self.stop()


class EndlessReceiver:
    """A socket that answers the first request with ``first``, then with ``again`` until the sender closes."""

    def __init__(self, again: bytes, first: bytes = b"") -> None:
        self._again = again
        self._first = first
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._answer, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/hook"

    def _answer(self) -> None:
        with suppress(OSError):
            link, _ = self._socket.accept()
            with link:
                link.recv(65536)
                link.sendall(self._first)
                while self._again:
                    link.sendall(self._again)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._thread.join(DEADLINE_SECONDS)
