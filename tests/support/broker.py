"""A real Mosquitto on a free loopback port, and clients that record its messages."""

import getpass
import os
import queue
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt import publish
from paho.mqtt.enums import CallbackAPIVersion

from shared.mqtt.broker_url import BrokerUrl
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until

_INSTALLED = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or "mosquitto"
MOSQUITTO = os.environ.get("LAMPI_TEST_MOSQUITTO", _INSTALLED)
"""The program under test: this machine's, or the one that `tests.support.mosquittos` unpacked."""

ASK_AGAIN_SECONDS = 1.0
FILTERS_A_PACKET = 200
"""The shipped broker takes packets of 32 KiB."""


def listens(port: int) -> bool:
    """Return whether a program listens on a port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: bytes
    qos: int
    retained: bool


class Ear:
    """A separate client that records the messages of some topic filters, from its creation."""

    def __init__(self, port: int, *topic_filters: str) -> None:
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(0)
        self._client.on_message = lambda _c, _u, message: self._heard.put(
            Heard(message.topic, bytes(message.payload), message.qos, message.retain)
        )
        subscribed = queue.SimpleQueue[None]()
        wanted = [(topic_filter, 2) for topic_filter in topic_filters]
        packets = [wanted[start : start + FILTERS_A_PACKET] for start in range(0, len(wanted), FILTERS_A_PACKET)]
        self._client.on_subscribe = lambda *_: subscribed.put(None)

        def subscribe(client: paho.Client, *_: object) -> None:
            for packet in packets:
                client.subscribe(packet)

        self._client.on_connect = subscribe
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        for _ in packets:
            subscribed.get(timeout=DEADLINE_SECONDS)

    def next(self, seconds: float = DEADLINE_SECONDS) -> Heard:
        """Return the next message; raise `queue.Empty` when none comes in time."""
        return self._heard.get(timeout=seconds)

    def all_so_far(self) -> list[Heard]:
        """Return the messages that were received and not yet taken."""
        heard = []
        while not self._heard.empty():
            heard.append(self._heard.get())
        return heard

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Mosquitto:
    """A broker that can be stopped, killed and started again on the same port, and keeps its store.

    ``config`` is added to the few lines that give it a place of its own; without any, it has one
    listener for anybody on the loopback interface, as the distribution's default. A ``whole_config``
    stands alone, for configurations that bring their own place along.
    """

    def __init__(
        self, folder: Path, port: int | None = None, config: str | None = None, whole_config: str | None = None
    ) -> None:
        self.port = port or free_port()
        self.folder = folder
        self.log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        listener = f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
        # Without "user", a Mosquitto that root starts becomes a user that can't write in this folder.
        place = f"user {getpass.getuser()}\npersistence true\npersistence_location {folder}/\n"
        place += f"log_dest file {self.log}\n"
        self._config.write_text(whole_config or place + (listener if config is None else config))

    @property
    def url(self) -> BrokerUrl:
        return BrokerUrl("127.0.0.1", self.port)

    def config_text(self) -> str:
        return self._config.read_text()

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], stderr=log)
        wait_until(lambda: listens(self.port) or self._died(), "Mosquitto to listen")
        if self._died():
            raise AssertionError(f"Mosquitto did not start:\n{self.log.read_text()}")
        return self

    def _died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """End it in good order: it saves its store."""
        if self._process is not None:
            wait_until(self._ends, "Mosquitto to end")
            self._process = None

    def _ends(self) -> bool:
        """Ask it to end, and tell whether it has. Mosquitto forgets a signal that comes before its main loop runs."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(ASK_AGAIN_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill it, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_SECONDS)
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def store(self) -> Path:
        """The file in which it saves what it retains."""
        return self.folder / "mosquitto.db"

    def save(self) -> None:
        """Have it save its store now, as it does every so often."""
        assert self._process is not None
        before = self.store.stat().st_ino if self.store.exists() else None
        self._process.send_signal(signal.SIGUSR1)
        # It writes another file and then renames it.
        wait_until(lambda: self.store.exists() and self.store.stat().st_ino != before, "Mosquitto to save its store")

    def send(self, signal_number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(signal_number)

    def hear(self, topic_filter: str) -> Ear:
        return Ear(self.port, topic_filter)

    def publish(self, topic: str, payload: bytes | str | None, qos: int = 1, retain: bool = False) -> None:
        publish.single(topic, payload, qos, retain, "127.0.0.1", self.port)

    def publish_all(self, messages: Iterable[tuple[str, bytes]], retain: bool = False) -> None:
        """Publish (topic, payload) pairs over one connection; return once the broker has confirmed all."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(0)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for sent in [client.publish(topic, payload, qos=1, retain=retain) for topic, payload in messages]:
            sent.wait_for_publish(DEADLINE_SECONDS)
        client.disconnect()
        client.loop_stop()

    def retained(self, topic_filter: str) -> dict[str, Heard]:
        """Return every message that the broker retains on a filter, by topic."""
        end = f"lampi/tests/end/{uuid.uuid4().hex}"
        found: dict[str, Heard] = {}
        with Ear(self.port, topic_filter, end) as ear:
            self.publish(end, b"end", qos=2)
            while (heard := ear.next()).topic != end:
                found[heard.topic] = heard
        return found

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
