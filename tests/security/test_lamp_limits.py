"""A lamp with a valid certificate takes at most its share of the broker: memory, subscriptions, messages, connections.

The bounds of memory are for what this lamp adds. Without the limit in question, each of them is exceeded many times.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud.mqtt.packets import PING
from cloud.ops.deploy.package_files import CLOUD_BROKER
from tests.support.attempts import Attempts
from tests.support.broker import Mosquitto
from tests.support.callers import V5
from tests.support.flood import FloodingLamp, publish, subscriptions
from tests.support.loop import ASSOCIATED, USER, associated, wait_for_code
from tests.support.secure import Installed
from tests.support.waiting import wait_until

FLOODING, OTHER, NEW = "b827ebba0001", "b827ebba0002", "b827ebba0003"
OWN = f"devices/{FLOODING}/lamp"
STATE = f"$SYS/broker/connection/{FLOODING}/state"
BURST = 2000
"""Messages that a lamp may publish at once, as in the shipped configuration."""

MEGABYTE = 1_000_000
MOST_OF_A_LAMP = 4 * MEGABYTE
"""Resident memory that the broker may add, with its connection's buffers and what the allocator keeps."""

PAGE_BYTES = 4096


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    made = Installed(tmp_path)
    with made.broker:
        yield made


@pytest.fixture
def flooding(installed: Installed) -> Iterator[FloodingLamp]:
    with FloodingLamp(installed, installed.lamp_pair(FLOODING)) as lamp:
        yield lamp


@pytest.fixture
def edited() -> Callable[[Mosquitto, str, str], None]:
    """Give a function that replaces a line of a broker's configuration."""

    def replace(broker: Mosquitto, old: str, new: str) -> None:
        configuration = broker.folder / "mosquitto.conf"
        text = configuration.read_text()
        assert old in text
        configuration.write_text(text.replace(old, new))

    return replace


def _memory(broker: Mosquitto) -> int:
    return int(Path(f"/proc/{broker.pid}/statm").read_text().split()[1]) * PAGE_BYTES


def _most_while(broker: Mosquitto, sends: Iterator[None]) -> int:
    """Return the most memory that the broker adds between two sends."""
    before = _memory(broker)
    return max(_memory(broker) - before for _ in sends)


def _retained(installed: Installed) -> int:
    """Return how many of the lamp's messages the broker retains."""
    with installed.observer() as observer:
        observer.subscribe(f"devices/{FLOODING}/#")
        observer.publish("lampi/cloud/probe", b"end")
        observer.subscribe("lampi/cloud/probe")
        observer.publish("lampi/cloud/probe", b"end")
        return len([True for heard in observer.heard_until(lambda heard: heard.payload == b"end") if heard.retained])


def test_it_has_the_broker_retain_no_more_than_its_topics(
    installed: Installed, flooding: FloodingLamp, attempt: Attempts
) -> None:
    def sends() -> Iterator[None]:
        for first in range(0, 20_000, 1000):
            numbers = range(first, first + 1000)
            flooding.send(b"".join(publish(f"{OWN}/connection/{n}/state", b"x" * 400) for n in numbers))
            yield

    assert _most_while(installed.broker, sends()) < MOST_OF_A_LAMP
    flooding.wait_until_all_is_read()
    assert _retained(installed) == 0
    attempt.refused("a lamp retains 20,000 messages", f"{OWN}/connection/+/state")


def test_it_publishes_no_large_payload(installed: Installed, flooding: FloodingLamp, attempt: Attempts) -> None:
    flooding.send(publish(f"{OWN}/changed", b"x" * 513))
    flooding.wait_until_all_is_read()
    assert _retained(installed) == 0
    flooding.send(publish(f"{OWN}/changed", b"x" * 512))
    flooding.wait_until_all_is_read()
    assert _retained(installed) == 1
    attempt.refused("a lamp publishes 513 bytes", f"{OWN}/changed")


def test_it_publishes_no_properties_that_the_broker_would_keep(installed: Installed, attempt: Attempts) -> None:
    """They can be as large as a packet, beside the payload, and stay with a retained or unfinished message."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = [("key", "x" * 30_000)]
    passing = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    passing.MessageExpiryInterval = 600
    with installed.lamp(installed.lamp_pair(FLOODING), protocol=V5) as lamp:
        lamp.publish(f"{OWN}/changed", b"{}", retain=True, properties=properties)
        lamp.wait_until_all_is_said()
        assert _retained(installed) == 0
        lamp.publish(f"{OWN}/changed", b"{}", retain=True, properties=passing)
        lamp.wait_until_all_is_said()
        assert _retained(installed) == 1
    attempt.refused("a lamp publishes 30 kB of properties", f"{OWN}/changed")


def test_a_huge_packet_is_not_read_into_memory(installed: Installed, flooding: FloodingLamp, attempt: Attempts) -> None:
    packet = publish(f"{OWN}/changed", b"x" * (200 * MEGABYTE))

    def sends() -> Iterator[None]:
        for start in range(0, len(packet), MEGABYTE):
            flooding.send(packet[start : start + MEGABYTE])
            yield

    assert _most_while(installed.broker, sends()) < MOST_OF_A_LAMP
    wait_until(lambda: flooding.is_cut_off, "the broker to cut the connection")
    attempt.refused("a lamp sends a packet of 200 MB", f"{OWN}/changed")


def test_a_packet_that_fits_no_message_of_a_lamp_ends_the_connection(flooding: FloodingLamp, attempt: Attempts) -> None:
    """Wills count too: what a lamp's last will has in MQTT 5's properties can be retained, once for each topic."""
    flooding.send(publish(f"{OWN}/changed", b"x" * 65_536))
    flooding.wait_until_all_is_read()
    assert flooding.is_cut_off
    attempt.refused("a lamp sends a packet of 64 KiB", f"{OWN}/changed")


def test_it_keeps_no_more_subscriptions_than_it_has_uses_for(
    installed: Installed, flooding: FloodingLamp, attempt: Attempts
) -> None:
    deep = "/x" * 190

    def sends() -> Iterator[None]:
        for first in range(0, 20_000, 1000):
            flooding.send(subscriptions(f"devices/{FLOODING}/{number}{deep}" for number in range(first, first + 1000)))
            yield

    assert _most_while(installed.broker, sends()) < MOST_OF_A_LAMP
    flooding.wait_until_all_is_read()
    assert _memory(installed.broker) < 40 * MEGABYTE
    attempt.refused("a lamp keeps 20,000 subscriptions", f"devices/{FLOODING}/#")


def test_unfinished_messages_of_qos_2_take_little_memory(
    installed: Installed, flooding: FloodingLamp, attempt: Attempts
) -> None:
    def sends() -> Iterator[None]:
        for first in range(1, 15_000, 1000):
            numbers = range(first, first + 1000)
            flooding.send(
                b"".join(publish(f"{OWN}/changed", b"x" * 500, qos=2, retain=False, identifier=n) for n in numbers)
            )
            yield

    assert _most_while(installed.broker, sends()) < MOST_OF_A_LAMP
    attempt.refused("a lamp leaves 15,000 messages unfinished", f"{OWN}/changed")


def test_a_lamp_that_never_reads_the_answers_is_cut_off_alone(installed: Installed, attempt: Attempts) -> None:
    with installed.observer() as daemon, installed.lamp(installed.lamp_pair(OTHER)) as other:
        with FloodingLamp(installed, installed.lamp_pair(FLOODING), reads=False) as flooding:
            flooding.send_on(PING * 5000, 0)
            wait_until(lambda: flooding.is_cut_off, "the broker to cut the connection")
        assert other.subscribe(associated(OTHER))
        daemon.publish(associated(OTHER), ASSOCIATED)
        assert other.heard_until(lambda heard: heard.payload == ASSOCIATED) == []
        assert "doesn't read the answers" in installed.broker.log.read_text()
        with FloodingLamp(installed, installed.lamp_pair(FLOODING)) as returned:
            returned.wait_until_all_is_read()
            assert not returned.is_cut_off
    attempt.refused("a lamp reads no answer", "PINGREQ")


def test_a_flood_delays_no_other_lamp(installed: Installed, flooding: FloodingLamp, attempt: Attempts) -> None:
    toggles = publish(STATE, b"1") + publish(STATE, b"0")
    with installed.cloud.daemon(), installed.observer() as observer:
        observer.subscribe("devices/+/lamp/associated", 2)
        with installed.lamp(installed.lamp_pair(OTHER)) as other:
            other.publish(f"$SYS/broker/connection/{OTHER}/state", b"1", retain=True)
            observer.heard_until(lambda heard: heard.topic == associated(OTHER))
            flooding.send_on(toggles * 5000, 10_000)
            wait_until(lambda: flooding.sent > 20 * BURST, "the flood")
            installed.cloud.command("associate", "--device-id", OTHER, "--user", USER)
            observer.heard_until(lambda heard: (heard.topic, heard.payload) == (associated(OTHER), ASSOCIATED), 2)
        with installed.lamp(installed.lamp_pair(NEW)) as new:
            new.publish(f"$SYS/broker/connection/{NEW}/state", b"1", retain=True)
            observer.heard_until(lambda heard: heard.topic == associated(NEW), 2)
    said = installed.broker.log.read_text()
    assert said.count(f"Lamp {FLOODING} exceeds 50 messages a second") == 1
    assert f"lampi-cloud deprovision {FLOODING}" in said
    attempt.refused("a lamp floods its own state", STATE)


def test_all_that_a_lamp_s_broker_has_queued_arrives_when_it_returns(
    installed: Installed, flooding: FloodingLamp
) -> None:
    """Mosquitto queues 1,000 messages for a bridge, beside those in flight."""
    with installed.observer() as observer:
        observer.subscribe(f"{OWN}/changed", 0)
        flooding.send(b"".join(publish(f"{OWN}/changed", b"%d" % number, retain=False) for number in range(BURST - 1)))
        last = b"%d" % (BURST - 2)
        heard = observer.heard_until(lambda message: message.payload == last)
        assert [message.payload for message in heard] == [b"%d" % number for number in range(BURST - 2)]


@pytest.mark.parametrize("filters", ["lamp/associated", "lamp/set_config", "lamp/+", "lamp/#", "+/+", "#"])
def test_a_lamp_subscribes_to_what_is_meant_for_it(installed: Installed, filters: str) -> None:
    with installed.lamp(installed.lamp_pair(OTHER)) as lamp, installed.observer() as cloud:
        assert lamp.subscribe(f"devices/{OTHER}/{filters}")
        topic = f"devices/{OTHER}/lamp/{'set_config' if 'set' in filters else 'associated'}"
        cloud.publish(topic, b"for the lamp")
        assert lamp.heard_until(lambda message: message.topic == topic) == []


def test_a_bridge_works_whose_other_subscriptions_are_refused(
    installed: Installed, tmp_path: Path, edited: Callable[[Mosquitto, str, str], None]
) -> None:
    """Bridges of other programs subscribe to more than the rules let them read, which broke nothing so far."""
    at_lamp = installed.lamp_broker(OTHER, tmp_path / "lamp-broker")
    line = f"topic lamp/associated in 2 devices/{OTHER}/ devices/{OTHER}/\n"
    edited(at_lamp, line, f"topic lamp/other in 1 devices/{OTHER}/ devices/{OTHER}/\n{line}")
    with installed.cloud.daemon(), at_lamp:
        wait_for_code(at_lamp, OTHER)


def test_connections_of_strangers_leave_room_for_the_daemon(
    tmp_path: Path, edited: Callable[[Mosquitto, str, str], None], attempt: Attempts
) -> None:
    assert "max_connections 250000\n" in CLOUD_BROKER.read_text()
    installed = Installed(tmp_path)
    edited(installed.broker, "max_connections 250000", "max_connections 20")
    with installed.broker, ExitStack() as strangers:
        for _ in range(50):
            strangers.enter_context(socket.create_connection(("127.0.0.1", installed.broker.ports.lamps)))
        lamp = installed.lamp(installed.lamp_pair(OTHER))
        assert not lamp.connected
        with installed.observer() as daemon:
            assert daemon.connected
        strangers.close()
        with installed.lamp(installed.lamp_pair(OTHER)) as lamp:
            assert lamp.connected
    attempt.refused("strangers fill the lamps' listener", "TLS without a certificate")


@pytest.mark.parametrize("line", ["plugin_opt_rate fast", "plugin_opt_burst 0", "plugin_opt_speed 5"])
def test_a_limit_that_is_none_ends_the_broker_s_start(
    tmp_path: Path, edited: Callable[[Mosquitto, str, str], None], line: str
) -> None:
    installed = Installed(tmp_path)
    edited(installed.broker, "plugin_opt_payload_bytes 512", f"plugin_opt_payload_bytes 512\n{line}")
    with pytest.raises(AssertionError, match="Mosquitto did not start"):
        installed.broker.start()
    assert line in installed.broker.log.read_text()
