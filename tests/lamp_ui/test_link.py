"""The link alone, on a real broker: which messages become which events."""

import queue
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamp_ui.core.events import AssociationChanged, BridgeChanged, Event, LampChanged, LinkChanged
from lamp_ui.platform.mqtt_link import LampLink
from lamp_ui.settings import read_config
from shared.protocol import topics
from shared.protocol.payloads import WITHDRAWN, Associated, Color, LampConfig, Unassociated
from tests.lamp_ui.conftest import CODE, DEVICE_ID
from tests.support.broker import Mosquitto
from tests.support.waiting import DEADLINE_SECONDS, wait_until

PREFIX = f"devices/{DEVICE_ID}/"
ASSOCIATED_TOPIC = f"{PREFIX}lamp/associated"


class Heard:
    """What a link delivers, in order."""

    def __init__(self, broker: Mosquitto, prefix: str | None = None, **more: str) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        settings = {"LAMPI_BROKER_URL": str(broker.url), "LAMPI_DEVICE_ID": DEVICE_ID} | more
        self.link = LampLink(
            read_config(settings | ({} if prefix is None else {"LAMPI_TOPIC_PREFIX": prefix})), self._events.put
        )

    def next(self) -> Event:
        return self._events.get(timeout=DEADLINE_SECONDS)


@pytest.fixture
def heard(broker: Mosquitto) -> Iterator[Heard]:
    heard = Heard(broker)
    heard.link.start()
    assert heard.next() == LinkChanged(True)
    yield heard
    heard.link.stop()


@pytest.mark.parametrize("spelled", [DEVICE_ID, DEVICE_ID.upper()])
@pytest.mark.parametrize("end", ["", "_broker"])
def test_the_bridge_may_have_the_mac_in_either_case(heard: Heard, broker: Mosquitto, spelled: str, end: str) -> None:
    topic = f"$SYS/broker/connection/{spelled}{end}/state"
    provisioned = (spelled, end) == (DEVICE_ID, "")
    for payload, up in ((b"1", True), (b"0", False), (b"1", True), (b"", None)):
        broker.publish(topic, payload, retain=True)
        assert heard.next() == BridgeChanged(up, provisioned and bool(up))
    broker.publish("$SYS/broker/connection/b827ebba9999_broker/state", b"1")
    broker.publish(topic, b"1")
    assert heard.next() == BridgeChanged(True, provisioned)


@pytest.mark.parametrize(
    ("suffixes", "topic"),
    [
        ("_broker", topics.stripped_presence(DEVICE_ID)),
        ("_lampi_broker", topics.presence(DEVICE_ID, "_lampi_broker")),
    ],
)
def test_a_stock_lamp_s_bridge_is_heard_of(broker: Mosquitto, suffixes: str, topic: str) -> None:
    heard = Heard(broker, "", LAMPI_BRIDGE_SUFFIXES=suffixes)
    broker.publish(topic, b"1", retain=True)
    heard.link.start()
    try:
        assert heard.next() == LinkChanged(True)
        assert heard.next() == BridgeChanged(True)
        broker.publish(topic, b"0", retain=True)
        assert heard.next() == BridgeChanged(False)
    finally:
        heard.link.stop()


@pytest.mark.parametrize("prefix", [PREFIX, "", "home/lampe-ä/"])
def test_the_prefix_is_the_settings(broker: Mosquitto, prefix: str) -> None:
    broker.publish(f"{prefix}lamp/associated", b'{"associated": true}', retain=True)
    heard = Heard(broker, prefix)
    heard.link.start()
    try:
        assert heard.next() == LinkChanged(True)
        assert heard.next() == AssociationChanged(Associated())
        broker.publish(f"{prefix}lamp/changed", b'{"on": true, "client": "k\xc3\xbcche"}')
        assert heard.next() == LampChanged(LampConfig(on=True, client="k\u00fcche"))
        with broker.hear(f"{prefix}lamp/set_config") as ear:
            assert heard.link.request(LampConfig(brightness=0.5, client="lamp_ui"))
            request = ear.next()
            assert (request.payload, request.qos) == (b'{"brightness": 0.5, "client": "lamp_ui"}', 2)
    finally:
        heard.link.stop()


def test_a_state_that_another_bridge_left_does_not_hide_that_the_bridge_is_up(heard: Heard, broker: Mosquitto) -> None:
    broker.publish(topics.provisioned_presence(DEVICE_ID), b"1", retain=True)
    assert heard.next() == BridgeChanged(True, provisioned=True)
    broker.publish(topics.presence(DEVICE_ID), b"0", retain=True)
    assert heard.next() == BridgeChanged(True, provisioned=True)
    broker.publish(topics.provisioned_presence(DEVICE_ID), b"0", retain=True)
    assert heard.next() == BridgeChanged(False)


@pytest.mark.parametrize(
    ("topic", "payload", "event", "reason"),
    [
        (
            f"{PREFIX}lamp/changed",
            b'{"on": 1, "brightness": 2, "color": {"h": 0.5, "s": 1}}',
            LampChanged(LampConfig(Color(0.5, 1), on=True)),
            "'brightness' is not from 0 to 1",
        ),
        (
            ASSOCIATED_TOPIC,
            b'{"associated": true, "name": 5}',
            AssociationChanged(Associated()),
            "'name' is not a string",
        ),
        (
            ASSOCIATED_TOPIC,
            b'{"associated": false, "code": "%s", "url": 5, "identify": 5, "good_for": -1}' % CODE.encode(),
            AssociationChanged(Unassociated(CODE)),
            "'url' is not a string",
        ),
    ],
)
def test_a_bad_optional_member_costs_only_itself(  # noqa: PLR0917
    heard: Heard,
    broker: Mosquitto,
    caplog: pytest.LogCaptureFixture,
    topic: str,
    payload: bytes,
    event: Event,
    reason: str,
) -> None:
    broker.publish(topic, payload, retain=True)
    assert heard.next() == event
    wait_until(lambda: reason in caplog.text, "the warning")
    assert "Ignored a member of a message on" in caplog.text
    assert CODE not in caplog.text


def unread_bytes(port: int) -> int:
    """Return how many bytes wait in the sockets of a server on the loopback interface."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    connections = [line for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "01"]
    return sum(int(line[4].partition(":")[2], 16) for line in connections)


def test_a_request_that_a_hanging_broker_has_not_confirmed_is_revoked(heard: Heard, broker: Mosquitto) -> None:
    with broker.hear(f"{PREFIX}lamp/set_config") as ear:
        broker.send(signal.SIGSTOP)
        try:
            assert heard.link.request(LampConfig(on=True))
            wait_until(
                lambda: unread_bytes(broker.port), "the request in the socket of the broker, which can't read it"
            )
            heard.link.withdraw()
            assert heard.next() == LinkChanged(False)
        finally:
            broker.send(signal.SIGCONT)
        assert heard.next() == LinkChanged(True)
        assert heard.link.request(LampConfig(on=False))
        assert ear.next().payload == LampConfig(on=False).encode()
        assert ear.all_so_far() == []


def test_what_the_broker_has_confirmed_leaves_the_connection_alone(heard: Heard, broker: Mosquitto) -> None:
    with broker.hear(f"{PREFIX}lamp/set_config") as ear:
        assert heard.link.request(LampConfig(on=True))
        ear.next()
        broker.publish(f"{PREFIX}lamp/changed", b'{"on": false}')
        assert heard.next() == LampChanged(LampConfig(on=False))  # sent after the confirmation, on the same connection
        heard.link.withdraw()
        broker.publish(f"{PREFIX}lamp/changed", b'{"on": true}')
        assert heard.next() == LampChanged(LampConfig(on=True))
        assert heard.link.request(LampConfig(on=True))


@pytest.mark.parametrize("payload", [b"", WITHDRAWN])
def test_what_is_cleared(heard: Heard, broker: Mosquitto, payload: bytes) -> None:
    broker.publish(f"{PREFIX}lamp/associated", b'{"associated": true}', retain=True)
    assert heard.next() == AssociationChanged(Associated())
    broker.publish(f"{PREFIX}lamp/changed", b"")  # no news of the lamp, and no fault
    broker.publish(f"{PREFIX}lamp/associated", payload, retain=True)
    assert heard.next() == AssociationChanged(None)


def test_without_a_broker_nothing_is_requested(broker: Mosquitto) -> None:
    assert not Heard(broker).link.request(LampConfig(on=True))
