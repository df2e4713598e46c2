"""Troubles with a broker that accepts the screen: it says so, and shows nothing as if all were well."""

import json
from pathlib import Path

import pytest

from lamp_ui.config import read_config
from lamp_ui.link import LampLink
from tests.lamp_ui.conftest import DEVICE_ID, StartLamp, unassociated
from tests.support.broker import Mosquitto, free_port
from tests.support.screen import CloudVoice, Touchscreen

SECURITY = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))


def test_another_screen_with_the_same_id_is_named(start_lamp: StartLamp, broker: Mosquitto, cloud: CloudVoice) -> None:
    cloud.come_up()
    lamp = start_lamp()
    lamp.wait_for_text("Cloud connected")
    settings = {"LAMPI_BROKER_URL": str(broker.url), "LAMPI_DEVICE_ID": DEVICE_ID}
    rival = LampLink(read_config(settings), lambda _event: None)
    rival.start()
    try:
        lamp.wait_for_text("Another screen uses")
        lamp.wait_for_text("No connection")
    finally:
        rival.stop()
    assert lamp.log.count("another client seems to have our id") == 1


@pytest.fixture
def deaf(tmp_path: Path) -> Mosquitto:
    """Give a broker that refuses every subscription, and nothing else."""
    folder, port = tmp_path / "deaf", free_port()
    folder.mkdir()
    allowed = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    (folder / "security.json").write_text(json.dumps({"defaultACLAccess": allowed}))
    config = f"listener {port} 127.0.0.1\nallow_anonymous true\nplugin {SECURITY}\n"
    return Mosquitto(folder, port, f"{config}plugin_opt_config_file {folder / 'security.json'}\n")


def test_a_refused_subscription_is_shown(deaf: Mosquitto, tmp_path: Path) -> None:
    with deaf:
        cloud = CloudVoice(deaf, DEVICE_ID)
        cloud.come_up()
        cloud.say(unassociated())
        with Touchscreen(tmp_path / "lamp", deaf, DEVICE_ID) as lamp:
            lamp.wait_for_text("not let this")
            lamp.wait_for_text("No connection")
            assert "Cloud connected" not in lamp.text()
            assert "refuses a subscription" in lamp.log
