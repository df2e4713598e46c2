"""What every test may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Give a running Mosquitto of the test's own."""
    with Mosquitto(tmp_path / "broker") as mosquitto:
        yield mosquitto
