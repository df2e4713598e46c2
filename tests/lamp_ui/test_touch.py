"""Real touches on the real program: the controls, the stock service, waking, the status page."""

import time
from itertools import pairwise

import pytest
from PIL import Image, ImageStat

from lamp_ui.core.lamp_control import Control
from tests.lamp_ui.conftest import CODE, DEVICE_ID, StartLamp, unassociated
from tests.support.broker import Mosquitto
from tests.support.lamp_service import LampService
from tests.support.screen import CloudVoice
from tests.support.touches import boxes, on_screen, tap
from tests.support.waiting import wait_until

PREFIX = f"devices/{DEVICE_ID}/"


def shade(picture: Image.Image) -> float:
    return ImageStat.Stat(picture.convert("L")).mean[0]


@pytest.mark.parametrize(
    ("size", "prefix", "setting"), [("240x320", PREFIX, None), ("320x240", "", ""), ("800x480", PREFIX, None)]
)
def test_a_stock_lamp_and_the_screen_understand_each_other(
    start_lamp: StartLamp, broker: Mosquitto, size: str, prefix: str, setting: str | None
) -> None:
    with LampService(broker.port, prefix) as service:
        lamp = start_lamp(size, LAMPI_TOPIC_PREFIX=setting)
        lamp.wait_for_text("Red")
        service.say(color={"h": 2 / 3, "s": 0.75}, brightness=0.5, on=False, client="web")
        lamp.wait_for_text("Blue")
        lamp.wait_for_value(Control.SATURATION, "75%")
        lamp.wait_for_value(Control.BRIGHTNESS, "50%")
        tap(lamp, boxes(lamp)["power"])
        wait_until(lambda: service.requests, "a request")
        asked = {"color": {"h": pytest.approx(2 / 3), "s": 0.75}, "brightness": 0.5, "on": True, "client": "lamp_ui"}
        assert service.requests == [asked]
        tap(lamp, boxes(lamp)[Control.BRIGHTNESS], across=0.999)
        wait_until(lambda: len(service.requests) == 2, "another request")
        asked |= {"brightness": 1.0, "color": {"h": 0.67, "s": 0.75}}  # as the service has rounded it
        assert service.requests[1] == asked
        tap(lamp, boxes(lamp)[Control.SATURATION], across=0.001)
        wait_until(lambda: len(service.requests) == 3, "another request")
        assert service.requests[2] == asked | {"color": {"h": 0.67, "s": 0.0}}
        lamp.wait_for_value(Control.BRIGHTNESS, "100%")


def test_a_finger_that_slides_asks_at_most_20_times_a_second_and_ends_where_it_ended(
    start_lamp: StartLamp, broker: Mosquitto
) -> None:
    with LampService(broker.port, PREFIX) as service, broker.hear(f"{PREFIX}lamp/set_config") as ear:
        lamp = start_lamp()
        lamp.wait_for_text("Red")
        box = boxes(lamp)[Control.HUE]
        lamp.screen.press(*on_screen(lamp, box, 0.1))
        began = time.monotonic()
        path = [on_screen(lamp, box, across / 200) for across in range(20, 181)]
        lamp.screen.slide(path, pause_seconds=0.01)
        seconds = time.monotonic() - began
        assert service.requests
        service.say(color={"h": 0.0, "s": 1.0}, client="web")  # nothing pulls it from under the finger
        lamp.screen.lift()
        wait_until(lambda: service.requests[-1]["color"]["h"] > 0.89, "the last value")
        hues = [request["color"]["h"] for request in service.requests]
        assert all(before <= after for before, after in pairwise(hues))
        assert 5 < len(hues) <= 20 * seconds + 2
        assert {heard.qos for heard in ear.all_so_far()} == {2}
        lamp.wait_for_text("Rose")


def test_before_anything_is_heard_no_value_is_shown(start_lamp: StartLamp) -> None:
    lamp = start_lamp()
    lamp.wait_for_text("has not reported")
    words = lamp.text()
    for invented in ("Orange", "62%", "75%", "Off"):
        assert invented not in words
    before = lamp.screen.grab()
    for control in (*Control, "power"):
        tap(lamp, boxes(lamp)[control])
    assert lamp.screen.grab() == before


def test_the_switch_is_the_disc_and_acts_on_release_inside(start_lamp: StartLamp, broker: Mosquitto) -> None:
    with LampService(broker.port, PREFIX) as service:
        lamp = start_lamp()
        lamp.wait_for_text("Red")
        disc = boxes(lamp)["power"]
        at_rest = lamp.screen.grab()
        lamp.screen.touch(230, round(320 - disc.y - disc.height / 2))  # beside it
        lamp.screen.press(*on_screen(lamp, disc))
        wait_until(lambda: lamp.screen.grab() != at_rest, "the pressed disc")
        assert service.requests == []
        lamp.screen.slide([(disc.right + 40, 320 - disc.y)])
        wait_until(lambda: lamp.screen.grab() == at_rest, "the disc as it was: slid off")
        lamp.screen.lift()
        lamp.screen.press(*on_screen(lamp, disc))
        lamp.screen.lift()
        wait_until(lambda: service.requests, "a request")
        assert [request["on"] for request in service.requests] == [False]


def test_words_above_a_slider_take_no_finger(start_lamp: StartLamp, broker: Mosquitto) -> None:
    with LampService(broker.port, PREFIX) as service:
        lamp = start_lamp()
        lamp.wait_for_text("Red")
        for control in Control:
            x, y = on_screen(lamp, boxes(lamp)[control], 0.3, up=0.9)
            lamp.screen.touch(round(x), round(y))
        tap(lamp, boxes(lamp)[Control.SATURATION], 0.3)
        wait_until(lambda: service.requests, "a request")
        assert [request["color"]["h"] for request in service.requests] == [1.0]
        assert service.requests[0]["brightness"] == 1.0


def test_a_finger_on_a_slider_lets_go_when_the_popup_comes(
    start_lamp: StartLamp, broker: Mosquitto, cloud: CloudVoice
) -> None:
    with LampService(broker.port, PREFIX) as service:
        lamp = start_lamp()
        lamp.wait_for_text("Red")
        box = boxes(lamp)[Control.BRIGHTNESS]
        lamp.screen.press(*on_screen(lamp, box, 0.5))
        wait_until(lambda: service.requests, "a request")
        cloud.say(unassociated())
        lamp.wait_for_code(CODE[:6])
        asked = len(service.requests)
        lamp.screen.slide([on_screen(lamp, box, 0.5 + step / 100) for step in range(40)])
        cloud.say(b'{"associated": true}')
        lamp.wait_for_main_screen()
        lamp.screen.slide([on_screen(lamp, box, 0.9 - step / 100) for step in range(40)])
        lamp.screen.lift()
        tap(lamp, boxes(lamp)["power"])
        wait_until(lambda: service.requests[-1]["on"] is False, "the switch")
        assert len(service.requests) == asked + 1


def test_keys_do_nothing(start_lamp: StartLamp) -> None:
    lamp = start_lamp()
    lamp.wait_for_text("has not reported")
    before = lamp.screen.grab()
    lamp.screen.press_keys("Escape", "F1")
    tap(lamp, boxes(lamp)["mark"])
    lamp.wait_for_text("Status")  # after the keys: they were taken in
    tap(lamp, boxes(lamp)["close"])
    wait_until(lambda: lamp.screen.grab() == before, "the screen as it was")
    assert lamp.runs()


def test_the_first_touch_only_wakes(start_lamp: StartLamp, broker: Mosquitto, cloud: CloudVoice) -> None:
    with LampService(broker.port, PREFIX) as service:
        lamp = start_lamp(LAMPI_DIM_AFTER_SECONDS="3")
        lamp.wait_for_text("Red")
        lamp.screen.touch(120, 34)  # where nothing listens
        shades = [shade(lamp.screen.grab())]

        def dimmed() -> bool:
            shades.append(shade(lamp.screen.grab()))
            return shades[-1] < 0.4 * max(shades)

        wait_until(dimmed, "the screen to dim")
        tap(lamp, boxes(lamp)["power"])
        wait_until(lambda: shade(lamp.screen.grab()) > 0.9 * max(shades), "the screen to wake")
        assert service.requests == []
        tap(lamp, boxes(lamp)["power"])
        wait_until(lambda: service.requests, "a request")
        wait_until(dimmed, "the screen to dim again")
        cloud.say(unassociated())
        lamp.wait_for_code(CODE[:6])  # and its colour is the code's own: the screen is awake


def test_on_a_desktop_the_mouse_is_a_finger_and_its_wheel_is_not(start_lamp: StartLamp, broker: Mosquitto) -> None:
    with LampService(broker.port, PREFIX) as service:
        lamp = start_lamp()
        lamp.wait_for_text("Red")
        x, y = (round(part) for part in on_screen(lamp, boxes(lamp)["power"]))
        before = lamp.screen.grab()
        for button in (4, 5, 3):
            lamp.screen.touch(x, y, button)
        wait_until(lambda: service.requests, "a request")
        lamp.screen.touch(x, y, 3)
        wait_until(lambda: len(service.requests) > 1, "another request")
        assert [request["on"] for request in service.requests] == [False, True]
        wait_until(lambda: lamp.screen.grab() == before, "the screen as it was: no mark of Kivy's where the mouse was")


def test_the_status_page_opens_by_a_tap_on_the_mark(start_lamp: StartLamp, cloud: CloudVoice) -> None:
    cloud.go_away()
    lamp = start_lamp()
    lamp.wait_for_text("Waiting for the cloud")
    tap(lamp, boxes(lamp)["mark"])
    lamp.wait_for_text("Status")
    words = lamp.text()
    for name in (DEVICE_ID, "Network", "Kivy 2.3", "Cloud", "not connected", "Check the network"):
        assert name in words
    tap(lamp, boxes(lamp)["close"])
    lamp.wait_for_main_screen()
    tap(lamp, boxes(lamp)["mark"])
    lamp.wait_for_text("Status")
    cloud.say(unassociated())
    lamp.wait_for_code(CODE[:6])
