"""What every test may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Give a running Mosquitto of the test's own."""
    with Mosquitto(tmp_path / "broker") as mosquitto:
        yield mosquitto


@pytest.fixture
def cloud(tmp_path: Path, broker: Mosquitto) -> Cloud:
    """Give a cloud on the test's broker, with an empty database of this release."""
    made = Cloud(tmp_path / "cloud", broker.port)
    made.command("migrate")
    return made
