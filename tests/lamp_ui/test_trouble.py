"""Problems with a broker that accepts the connection: the screen reports them and shows no stale state."""

from pathlib import Path

import pytest

from lamp_ui.platform.mqtt_link import LampLink
from lamp_ui.settings import read_config
from tests.lamp_ui.conftest import DEVICE_ID, StartLamp, unassociated
from tests.support.broker import Mosquitto
from tests.support.deaf import deaf_broker
from tests.support.screen import CloudVoice, Touchscreen


def test_another_screen_with_the_same_id_is_named(start_lamp: StartLamp, broker: Mosquitto, cloud: CloudVoice) -> None:
    cloud.come_up()
    lamp = start_lamp()
    lamp.wait_for_text("Cloud connected")
    settings = {"LAMPI_BROKER_URL": str(broker.url), "LAMPI_DEVICE_ID": DEVICE_ID}
    rival = LampLink(read_config(settings), lambda _event: None)
    rival.start()
    try:
        lamp.wait_for_text("Another screen")
        lamp.wait_for_text("No connection")
    finally:
        rival.stop()
    assert lamp.log.count("another client may have the same client ID") == 1


@pytest.mark.server
def test_a_refused_subscription_is_shown(tmp_path: Path) -> None:
    with deaf_broker(tmp_path / "deaf") as deaf:
        cloud = CloudVoice(deaf, DEVICE_ID)
        cloud.come_up()
        cloud.say(unassociated())
        with Touchscreen(tmp_path / "lamp", deaf, DEVICE_ID) as lamp:
            lamp.wait_for_text("refuses")
            lamp.wait_for_text("No connection")
            assert "Cloud connected" not in lamp.text()
            assert "refuses a subscription" in lamp.log
