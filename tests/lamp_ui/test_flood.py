"""A flood of messages, and malformed messages: the screen keeps working."""

import json
import subprocess
import threading
import time
from statistics import median

import pytest

from lamp_ui.core.lamp_control import Control
from lamp_ui.geometry.layout import place_main
from tests.lamp_ui.conftest import DEVICE_ID, StartLamp
from tests.support.broker import Mosquitto
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until

CHANGED = f"devices/{DEVICE_ID}/lamp/changed"
A_SECOND, SECONDS = 1000, 10
ANSWERED_WITHIN_SECONDS = 0.1
_BATCH = 20


def pour(port: int) -> None:
    """Publish at a steady pace, from a process of its own; the last message is blue, and off."""
    command = ["mosquitto_pub", "-p", str(port), "-q", "0", "-t", CHANGED, "-l"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as publisher:
        assert publisher.stdin is not None
        pace = threading.Event()
        began = time.monotonic()
        for number in range(0, A_SECOND * SECONDS, _BATCH):
            for step in range(_BATCH):
                lamp = {"color": {"h": step / _BATCH, "s": 1}, "brightness": 1, "on": True, "client": "flood"}
                publisher.stdin.write(json.dumps(lamp) + "\n")
            publisher.stdin.flush()
            pace.wait(max(0.0, began + number / A_SECOND - time.monotonic()))
        last = {"color": {"h": 2 / 3, "s": 0.33}, "brightness": 0.44, "on": False, "client": "flood"}
        publisher.stdin.write(json.dumps(last) + "\n")
        publisher.stdin.close()
        publisher.wait(30)


def xdotool_alone(lamp: Touchscreen) -> float:
    """Return the seconds that xdotool takes to press and to lift where nothing listens: on the words' line."""
    began = time.monotonic()
    lamp.screen.touch(60, 34)
    return time.monotonic() - began


def test_under_a_thousand_messages_a_second_a_touch_is_answered(start_lamp: StartLamp, broker: Mosquitto) -> None:
    lamp = start_lamp()
    lamp.wait_for_text("Waiting for the cloud")
    box = place_main(240, 320).power
    flood = threading.Thread(target=pour, args=[broker.port])
    with broker.hear(f"devices/{DEVICE_ID}/lamp/set_config") as ear:
        flood.start()
        tool = median([xdotool_alone(lamp) for _ in range(5)])
        taken = []
        while flood.is_alive():
            began = time.monotonic()
            lamp.screen.touch(round(box.x + box.width / 2), round(320 - box.y - box.height / 2))
            ear.next()
            taken.append(time.monotonic() - began)
            threading.Event().wait(0.3)
        flood.join()
    # The way through the broker and back is in these times; what xdotool takes, a process of its own, is not.
    assert len(taken) > 10
    assert median(taken) - tool < ANSWERED_WITHIN_SECONDS, (tool, taken)
    lamp.wait_for_value(Control.SATURATION, "33%")
    lamp.wait_for_value(Control.BRIGHTNESS, "44%")


BAD = [
    b"",
    b"\xff",
    b"[]",
    b"{",
    b'{"color": 7}',
    b'{"color": {"h": 0.5}}',
    b'{"color": {"h": NaN, "s": 0.5}}',
    b'{"color": {"h": Infinity, "s": 0.5}}',
    b'{"color": {"h": 1e999, "s": 0.5}}',
    b'{"color": {"h": 1.01, "s": 0.5}}',
    b'{"color": {"h": "0.5", "s": 0.5}}',
    b'{"brightness": -0.1}',
    b'{"brightness": true}',
    b'{"on": 2}',
    b'{"on": "yes"}',
    b'{"on": null}',
    b'{"on": false, "on": true}',
    b'{"client": 5}',
]


FULL = b'{"color": {"h": 0.5, "s": 0.77}, "brightness": 0.44, "on": true, "client": "web"}'
BRIGHTNESS_ALONE = b'{"brightness": 0.44, "client": "web"}'


@pytest.mark.parametrize("known", [FULL, BRIGHTNESS_ALONE])
def test_what_is_no_message_changes_nothing(start_lamp: StartLamp, broker: Mosquitto, known: bytes) -> None:
    lamp = start_lamp()
    lamp.wait_for_text("Waiting for the cloud")
    broker.publish(CHANGED, known)
    lamp.wait_for_value(Control.BRIGHTNESS, "44%")
    before = lamp.screen.grab()
    broker.publish_all([(CHANGED, payload) for payload in BAD])
    broker.publish(CHANGED, b'{"brightness": 0.11, "client": "web"}')
    lamp.wait_for_value(Control.BRIGHTNESS, "11%")
    assert lamp.log.count("Ignored a message") >= 5
    broker.publish(CHANGED, BRIGHTNESS_ALONE)
    wait_until(lambda: lamp.screen.grab() == before, "the screen as before")
