"""Resets on the real touchscreen: the button is held, not tapped, and what follows is confirmed."""

import json

import pytest

from shared.protocol.payloads import Associated
from shared.protocol.reset import Reset, ResetStage
from tests.lamp_ui.conftest import DEVICE_ID, StartLamp
from tests.support.broker import Mosquitto
from tests.support.lamp_service import LampService
from tests.support.looks import settled, tap_mark
from tests.support.resets import half_held, hold_button, reset_topic, tap_confirm
from tests.support.screen import CloudVoice, Touchscreen
from tests.support.waiting import wait_until

TICKET = "5b8d0f3a6c1e4972b0d5a8e3f7c21946"
BUTTON = "ownership"


def status_page(start_lamp: StartLamp, broker: Mosquitto, size: str, **settings: str) -> tuple[Touchscreen, CloudVoice]:
    cloud = CloudVoice(broker, DEVICE_ID)
    cloud.come_up()
    cloud.say(Associated().encode())
    lamp = start_lamp(size, **settings)
    lamp.wait_for_main_screen()
    tap_mark(lamp)
    lamp.wait_for_text(BUTTON)
    return lamp, cloud


@pytest.mark.parametrize("size", ["240x320", "320x240"])
def test_the_button_has_to_be_held(start_lamp: StartLamp, broker: Mosquitto, size: str) -> None:
    with LampService(broker.port, f"devices/{DEVICE_ID}/"), broker.hear(reset_topic(DEVICE_ID)) as requests:
        lamp, cloud = status_page(start_lamp, broker, size)
        page = settled(lamp)
        x, y = hold_button(lamp)
        lamp.screen.touch(round(x), round(y))  # a tap
        assert settled(lamp) == page
        lamp.screen.press(x, y)
        half_held(lamp)
        lamp.screen.slide([(5, 5)])  # off the button
        wait_until(lambda: lamp.screen.grab() == page, "the light to go")
        lamp.screen.lift()
        lamp.screen.press(x, y)
        half_held(lamp)
        lamp.screen.lift()
        assert settled(lamp) == page
        assert requests.all_so_far() == []
        lamp.screen.press(x, y)
        lamp.wait_for_text("Asking the cloud")
        lamp.screen.lift()
        heard = requests.next()
        assert (heard.payload, heard.qos, heard.retained) == (b"{}", 0, False)
        cloud.say(Associated(reset=Reset(ResetStage.OFFERED, TICKET, 24 * 3600)).encode())
        lamp.wait_for_text("24 hours")
        requests.all_so_far()
        tap_confirm(lamp)
        assert json.loads(requests.next().payload) == {"ticket": TICKET}


def test_behind_a_bridge_that_strips_the_prefix_there_is_no_button(start_lamp: StartLamp, broker: Mosquitto) -> None:
    broker.publish(f"devices/{DEVICE_ID}/lamp/connection/bridge/state", b"1", retain=True)
    broker.publish("lamp/associated", b'{"associated": true}', qos=2, retain=True)
    lamp = start_lamp("240x320", LAMPI_TOPIC_PREFIX="")
    lamp.wait_for_main_screen()
    tap_mark(lamp)
    lamp.wait_for_text("Software")
    assert BUTTON not in lamp.text()
