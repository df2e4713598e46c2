"""Clients that connect to a broker with a certificate or other credentials."""

import queue
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from tests.support.broker import Heard
from tests.support.waiting import DEADLINE_SECONDS, wait_until

V3, V5 = MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path


def trusting(ca: Path, pair: Pair | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Return a client's context, for one version of TLS where one is given, however old."""
    context = ssl.create_default_context(cafile=str(ca))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    if version is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


class Caller:
    """One client, connected from the moment it is made unless the broker refuses it."""

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        client_id: str = "",
        protocol: MQTTProtocolVersion = V3,
        will: tuple[str, bytes] | None = None,
        user: tuple[str, str | None] | None = None,
        clean: bool = True,
    ) -> None:
        self.refusal: str | None = None
        self._said: list[paho.MQTTMessageInfo] = []
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or f"caller-{uuid.uuid4().hex[:8]}",
            protocol=protocol,
            clean_session=clean if protocol is V3 else None,
            reconnect_on_failure=False,
        )
        if tls is not None:
            self._client.tls_set_context(tls)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._answer.put(
            str(reason) if reason.is_failure else None
        )
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self._answer.put(f"cut off: {reason}")
        self._client.on_message = lambda _c, _u, message: self._heard.put(
            Heard(message.topic, bytes(message.payload), message.qos, message.retain)
        )
        try:
            self._client.connect("127.0.0.1", port)
        except OSError as fault:
            self.refusal = str(fault)
            return
        self._client.loop_start()
        self.refusal = self._answer.get(timeout=DEADLINE_SECONDS)

    @property
    def connected(self) -> bool:
        return self.refusal is None and self._client.is_connected()

    def publish(
        self, topic: str, payload: bytes, qos: int = 1, retain: bool = False, properties: Properties | None = None
    ) -> None:
        self._said.append(self._client.publish(topic, payload, qos, retain, properties))

    def wait_until_all_is_said(self) -> None:
        """Return when the broker has confirmed all that was published, or hung up on us."""
        wait_until(
            lambda: all(said.rc or said.is_published() for said in self._said) or not self._client.is_connected(),
            "the broker to have taken all",
        )

    def subscribe(self, topic_filter: str, qos: int = 1) -> bool:
        """Return whether the broker took the subscription."""
        granted: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._client.on_subscribe = lambda _c, _u, _m, reasons, _p: granted.put(not reasons[0].is_failure)
        self._client.subscribe(topic_filter, qos)
        return granted.get(timeout=DEADLINE_SECONDS)

    def heard_until(self, last: Callable[[Heard], bool], seconds: float = DEADLINE_SECONDS) -> list[Heard]:
        """Return what is heard before a message, which must come within so many seconds of the one before it."""
        heard: list[Heard] = []
        while not last(message := self._heard.get(timeout=seconds)):
            heard.append(message)
        return heard

    def heard_so_far(self) -> list[Heard]:
        """Return what was heard and not yet taken."""
        heard = []
        while not self._heard.empty():
            heard.append(self._heard.get())
        return heard

    def has_heard_anything(self) -> bool:
        return not self._heard.empty()

    def wait_until_cut_off(self) -> None:
        wait_until(lambda: not self._client.is_connected(), "the broker to cut a connection")

    def vanish(self) -> None:
        """Close the connection without a DISCONNECT, so that the broker publishes the will."""
        connection = self._client.socket()
        assert connection is not None
        self._client.loop_stop()
        connection.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
