"""A clustered broker without `$SYS`: the lamp on one node, the daemon on the other, the whole loop."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Publication, Subscription
from shared.protocol import payloads, topics
from shared.protocol.payloads import Associated, Association, Unassociated, decode_association, decode_high_water_mark
from tests.support.broker import Ear
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.cluster import Cluster
from tests.support.waiting import DEADLINE_SECONDS, wait_until

DEVICE_ID = "b827ebba0387"
PREFIX = topics.lamp_prefix(DEVICE_ID)


class Lamp:
    """A lamp that says itself, by a client's state, whether it is there."""

    def __init__(self, port: int) -> None:
        self.shown: queue.SimpleQueue[Association | None] = queue.SimpleQueue()
        state = topics.connection(PREFIX, "bridge")
        self._link = MqttClient(
            BrokerUrl("127.0.0.1", port),
            f"{DEVICE_ID}_bridge",
            subscriptions=[Subscription(topics.associated(PREFIX), 2, self._receive)],
            will=Publication(state, payloads.DOWN, qos=1, retain=True),
            birth=Publication(state, payloads.UP, qos=1, retain=True),
        )
        self.start, self.stop = self._link.start, self._link.stop

    def _receive(self, message: Message) -> None:
        self.shown.put(decode_association(message.payload))

    def shows(self, instead_of: Association | None = None) -> Association | None:
        """Return what it shows next, instead of what it showed: a cluster may well say a thing twice."""
        while (found := self.shown.get(timeout=DEADLINE_SECONDS)) == instead_of and found is not None:
            pass
        return found


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster") as nodes:
        yield nodes


@pytest.fixture
def lamp(cluster: Cluster) -> Iterator[Lamp]:
    made = Lamp(cluster.ports[0])
    yield made
    made.stop()


@pytest.fixture
def far_cloud(cluster: Cluster, tmp_path: Path) -> Cloud:
    made = Cloud(tmp_path / "cloud", cluster.ports[1])
    made.environment["LAMPI_PRESENCE_FILTERS"] = "devices/+/lamp/connection/bridge/state"
    made.environment["LAMPI_STOCK_SCREENS"] = "no"  # this lamp has our screen, which such a topic doesn't say
    made.command("migrate")
    made.command("user", "add", "ada")
    return made


@pytest.fixture
def daemon(far_cloud: Cloud) -> Iterator[DaemonProcess]:
    with far_cloud.daemon() as running:
        yield running


def test_the_whole_loop_across_two_nodes(lamp: Lamp, far_cloud: Cloud, daemon: DaemonProcess) -> None:
    lamp.start()
    first = lamp.shows()
    assert isinstance(first, Unassociated)
    assert far_cloud.lamps()[DEVICE_ID]["connected"]
    far_cloud.command("associate", first.code[:6], "--user", "ada")
    assert lamp.shows(instead_of=first) == Associated()
    far_cloud.command("release", DEVICE_ID)
    second = lamp.shows(instead_of=Associated())
    assert isinstance(second, Unassociated)
    assert second.code != first.code
    far_cloud.command("forget", DEVICE_ID)
    assert lamp.shows(instead_of=second) is None


def retained_mark(port: int) -> int:
    """Return the version of the high-water mark that a node gives to a new client."""
    with Ear(port, topics.HIGH_WATER_MARK) as ear:
        return decode_high_water_mark(ear.next().payload).version


def test_a_lamp_that_goes_is_not_there_and_nothing_is_said_twice(
    cluster: Cluster, lamp: Lamp, far_cloud: Cloud, daemon: DaemonProcess
) -> None:
    lamp.start()
    shown = lamp.shows()
    for port in cluster.ports:  # each node stores the mark when it comes to it
        wait_until(lambda port=port: retained_mark(port) >= 1, "the nodes to agree that the lamp has its code")  # type: ignore[misc]
    daemon.stop()
    daemon.start()
    lamp.stop()
    wait_until(lambda: not far_cloud.lamps()[DEVICE_ID]["connected"], "the lamp to be gone")
    while not lamp.shown.empty():
        assert lamp.shown.get() == shown
    assert "had lost" not in daemon.log()
