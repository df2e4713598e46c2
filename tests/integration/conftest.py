"""What the end-to-end tests share."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.bridge import Bridged, CloudBroker
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import Loop, made_cloud


@pytest.fixture
def cloud(tmp_path: Path, broker: Mosquitto) -> Cloud:
    """Give a cloud on the test's broker, its database made without the half second that a command takes, and a user."""
    return made_cloud(tmp_path / "cloud", broker.port)


@pytest.fixture
def daemon(cloud: Cloud) -> Iterator[DaemonProcess]:
    """Give a running daemon."""
    with cloud.daemon() as process:
        yield process


@pytest.fixture
def loop(broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess) -> Iterator[Loop]:
    """Give the whole: broker, cloud and daemon."""
    with closing(Loop(broker, cloud)) as running:
        yield running


@pytest.fixture
def broker_of_the_cloud(tmp_path: Path) -> Iterator[Mosquitto]:
    """Give a running Mosquitto with the configuration that ships."""
    with CloudBroker(tmp_path / "shipped-broker") as mosquitto:
        yield mosquitto


@pytest.fixture
def bridged(tmp_path: Path) -> Iterator[Bridged]:
    """Give the cloud and a lamp's broker, bridged as they ship."""
    with Bridged(tmp_path, "b827ebba0387").running() as running:
        yield running
