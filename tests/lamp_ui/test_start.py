"""The start: the first frame is drawn before the network is used."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.mqtt.broker_url import BrokerUrl
from tests.lamp_ui.conftest import DEVICE_ID
from tests.support.broker import Mosquitto
from tests.support.screen import START_SECONDS, Touchscreen


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a port that takes connections and says nothing: a broker that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(START_SECONDS)
        yield listener


@pytest.mark.server
def test_the_first_frame_is_there_before_the_network_is_tried(tmp_path: Path, listener: socket.socket) -> None:
    silent: Any = SimpleNamespace(url=BrokerUrl("127.0.0.1", listener.getsockname()[1]))
    lamp = Touchscreen(tmp_path / "lamp", cast("Mosquitto", silent), DEVICE_ID)
    try:
        lamp.start(until=lambda: tried(listener))
        seen = lamp.screen.grab()  # within milliseconds of the first attempt
        assert seen.getcolors(1) is None
        lamp.wait_for_main_screen()
        lamp.wait_for_text("No connection")
    finally:
        lamp.stop()


def tried(listener: socket.socket) -> bool:
    listener.accept()
    return True
