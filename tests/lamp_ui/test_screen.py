"""The real program on a virtual screen, with a real broker: what a person standing in front of the lamp sees."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt import publish

from shared.protocol import topics
from shared.protocol.payloads import WITHDRAWN, Associated, Unassociated
from tests.support.broker import Mosquitto
from tests.support.screen import CloudVoice, Touchscreen
from tests.support.waiting import wait_until

DEVICE_ID = "b827ebba0387"
CODE = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"
OTHER_CODE = "5f02c8aa11d34e6b9c7d0e1f2a3b4c5d"
STATE_TOPIC = topics.connection(topics.lamp_prefix(DEVICE_ID), "lamp_ui")


@pytest.fixture
def cloud(broker: Mosquitto) -> CloudVoice:
    return CloudVoice(broker, DEVICE_ID)


@pytest.fixture
def lamp(broker: Mosquitto, tmp_path: Path) -> Iterator[Touchscreen]:
    """Give a running touchscreen of which, at the end, no word in the log may be a code."""
    with watched(Touchscreen(tmp_path / "lamp", broker, DEVICE_ID)) as touchscreen:
        touchscreen.start()
        yield touchscreen


@contextmanager
def watched(lamp: Touchscreen) -> Iterator[Touchscreen]:
    try:
        yield lamp
    finally:
        lamp.stop()
    for code in (CODE, OTHER_CODE):
        assert code[:6] not in lamp.log
    assert "Traceback" not in lamp.log.replace(kivys_own_traceback(lamp.log), "")


def kivys_own_traceback(log: str) -> str:
    """Return what Kivy says at level DEBUG on a machine without libmtdev."""
    start = log.find("Input: MTDev is not supported")
    end = log.find("libmtdev.so.1: cannot open", start)
    return log[start:end] if 0 <= start < end else "\0"


def unassociated(code: str = CODE, **members: object) -> bytes:
    return json.dumps({"associated": False, "code": code, **members}).encode()


def test_a_lamps_first_hour(lamp: Touchscreen, cloud: CloudVoice) -> None:
    lamp.wait_for_main_screen()
    assert lamp.code() == ""
    lamp.wait_for_text("Waiting for the cloud")
    cloud.come_up()
    lamp.wait_for_text("Cloud connected")

    cloud.say(unassociated())
    lamp.wait_for_code("b71e09")
    words = lamp.text()
    assert "Associate your Lamp" in words
    assert "Enter this code" in words

    cloud.say(unassociated(OTHER_CODE))
    lamp.wait_for_code("5f02c8")
    assert lamp.headline_ending() == ""  # the popup has never left

    cloud.say(Associated().encode())
    lamp.wait_for_main_screen()
    assert lamp.code() == ""
    assert "Associate" not in lamp.text()


def test_a_touch_outside_does_not_dismiss_and_what_is_cleared_does(lamp: Touchscreen, cloud: CloudVoice) -> None:
    cloud.say(unassociated())
    lamp.wait_for_code("b71e09")
    before = lamp.screen.grab()
    # No message may come in between: it would have the popup opened again.
    for corner in ((1, 1), (238, 318), (120, 3), (120, 160)) * 8:
        lamp.screen.touch(*corner)
        assert lamp.screen.grab() == before
    cloud.say(b"")
    lamp.wait_for_main_screen()


def test_what_is_withdrawn_never_says_that_the_lamp_is_anyones(
    lamp: Touchscreen, broker: Mosquitto, cloud: CloudVoice
) -> None:
    cloud.say(unassociated())
    lamp.wait_for_code("b71e09")
    cloud.say(WITHDRAWN)
    wait_until(lambda: lamp.code() == "", "the popup to close")
    assert "yours" not in lamp.text()
    lamp.wait_for_main_screen()
    broker.stop()  # the lamp's own broker keeps what it was told, without an expiry
    broker.start()
    lamp.stop()
    lamp.start()
    lamp.wait_for_main_screen()
    assert "yours" not in lamp.text()
    assert broker.retained(cloud.associated_topic)[cloud.associated_topic].payload == WITHDRAWN
    cloud.say(unassociated())
    lamp.wait_for_code("b71e09")


MALFORMED = {
    "not UTF-8": b"\xff\xfe{",
    "not JSON": b"associated",
    "not an object": b"[1, 2]",
    "members missing": b"{}",
    "code missing": b'{"associated": false}',
    "wrong type": b'{"associated": "false", "code": 7}',
    "code of wrong type": b'{"associated": false, "code": ["b71e09"]}',
    "code out of range": b'{"associated": false, "code": "B71E09"}',
    "length out of range": unassociated(OTHER_CODE, short_code_length=99),
    "length not whole": unassociated(OTHER_CODE, short_code_length=6.5),
    "10 MB": b'{"associated": false, "code": "' + b"a" * 10_000_000 + b'"}',
    "deeply nested": b"[" * 4000 + b"]" * 4000,
    "deeply nested member": b'{"associated": true, "x": ' + b"[" * 20 + b"]" * 20 + b"}",
    "duplicate members": b'{"associated": false, "associated": true}',
    "not finite": b'{"associated": true, "x": NaN}',
    "a lone surrogate": b'{"associated": false, "code": "\\ud800"}',
}


def test_a_flood_of_malformed_messages_changes_nothing(lamp: Touchscreen, broker: Mosquitto, cloud: CloudVoice) -> None:
    cloud.come_up()
    cloud.say(unassociated())
    lamp.wait_for_code("b71e09")
    presence = topics.presence(DEVICE_ID)
    flood = [(cloud.associated_topic, payload) for payload in MALFORMED.values()]
    flood += [(presence, payload) for payload in (b"2", b"true", b"\xff", b" 1", b"1" * 100_000)]
    for _ in range(5):
        publish.multiple([(topic, payload, 1, False) for topic, payload in flood], "127.0.0.1", broker.port)
    assert lamp.code() == "b71e09"
    cloud.say(unassociated(OTHER_CODE))
    lamp.wait_for_code("5f02c8")
    assert "Cloud connected" in lamp.text()
    assert broker.retained(STATE_TOPIC)[STATE_TOPIC].payload == b"1"
    assert "Ignored a message" in lamp.log


def test_after_many_quick_changes_the_last_one_counts(lamp: Touchscreen, broker: Mosquitto, cloud: CloudVoice) -> None:
    topic = cloud.associated_topic
    changes = [unassociated(OTHER_CODE), Associated().encode()] * 500
    publish.multiple([(topic, payload, 1, True) for payload in [*changes, unassociated()]], "127.0.0.1", broker.port)
    lamp.wait_for_code("b71e09")
    publish.multiple([(topic, payload, 1, True) for payload in changes], "127.0.0.1", broker.port)
    lamp.wait_for_main_screen()
    assert lamp.code() == ""


def test_a_broker_that_comes_late_and_one_that_is_killed(broker: Mosquitto, tmp_path: Path) -> None:
    cloud = CloudVoice(broker, DEVICE_ID)
    cloud.say(unassociated())
    broker.stop()
    with watched(Touchscreen(tmp_path / "lamp", broker, DEVICE_ID)) as lamp:
        lamp.start()
        lamp.wait_for_main_screen()
        lamp.wait_for_text("No connection")
        broker.start()
        cloud.come_up()  # Mosquitto keeps no state of a bridge over a restart
        lamp.wait_for_code("b71e09")
        lamp.wait_for_text("Cloud connected")

        broker.kill()
        lamp.wait_for_text("Tap the cross")
        assert lamp.code() == "b71e09"
        broker.start()
        cloud.come_up()
        lamp.wait_for_text("Cloud connected")
        cloud.say(Associated().encode())
        lamp.wait_for_main_screen()


@pytest.mark.parametrize("size", ["240x320", "320x240", "480x320", "800x480"])
def test_the_code_can_be_read_at_every_size(size: str, broker: Mosquitto, tmp_path: Path, cloud: CloudVoice) -> None:
    with watched(Touchscreen(tmp_path / "lamp", broker, DEVICE_ID, size=size)) as lamp:
        cloud.say(unassociated())
        lamp.start()
        lamp.wait_for_code("b71e09")
        assert f"{lamp.screen.grab().width}x{lamp.screen.grab().height}" == size
        words = lamp.text()
        assert "Associate your Lamp" in words
        assert "this lamp yours" in words
        assert "Waiting for" in words  # in two lines beside the badge where the screen is narrow
        assert "the cloud" in words
        cloud.say(unassociated(short_code_length=12))
        lamp.wait_for_code(CODE[:12])
        cloud.say(Associated().encode())
        lamp.wait_for_main_screen()
        lamp.wait_for_text("Waiting for the cloud")


def test_the_longest_code_can_be_read_on_the_smallest_screen(lamp: Touchscreen, cloud: CloudVoice) -> None:
    cloud.say(unassociated(short_code_length=32))
    lamp.wait_for_code(CODE)


def test_the_address_of_the_page_is_shown(lamp: Touchscreen, cloud: CloudVoice) -> None:
    cloud.say(Unassociated(CODE, url=f"https://lamps.example.com/claim?code={CODE}").encode())
    lamp.wait_for_code("b71e09")
    assert "lamps.example.com/claim" in lamp.text()


def test_a_lamp_whose_bridge_strips_the_prefix(broker: Mosquitto, tmp_path: Path) -> None:
    stock = Touchscreen(tmp_path / "lamp", broker, DEVICE_ID, settings={"LAMPI_TOPIC_PREFIX": ""})
    with watched(stock) as lamp:
        CloudVoice(broker, DEVICE_ID, prefix="").say(unassociated())
        lamp.start()
        lamp.wait_for_code("b71e09")
        assert broker.retained("lamp/connection/lamp_ui/state")["lamp/connection/lamp_ui/state"].payload == b"1"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_with_a_goodbye(lamp: Touchscreen, broker: Mosquitto, end: signal.Signals) -> None:
    wait_until(lambda: said_state(broker) == b"1", "the birth message")
    began = time.monotonic()
    assert lamp.stop(end) == 0
    assert time.monotonic() - began < 5
    assert said_state(broker) == b"0"
    # Said by the lamp, not by its will, which the broker holds back until it misses the lamp.
    assert f"Client lamp_ui-{DEVICE_ID} disconnected." in broker.log.read_text()


def test_a_signal_ends_it_with_no_broker_either(broker: Mosquitto, tmp_path: Path) -> None:
    broker.stop()
    with watched(Touchscreen(tmp_path / "lamp", broker, DEVICE_ID)) as lamp:
        lamp.start()
        began = time.monotonic()
        assert lamp.stop() == 0
        assert time.monotonic() - began < 5


def test_its_own_words_in_the_log_are_few(broker: Mosquitto, tmp_path: Path, cloud: CloudVoice) -> None:
    quiet = Touchscreen(tmp_path / "lamp", broker, DEVICE_ID, settings={"LAMPI_LOG_LEVEL": "INFO"})
    with watched(quiet) as lamp:
        cloud.say(unassociated())
        lamp.start()
        lamp.wait_for_code("b71e09")
        lamp.stop()
        assert "kivy" not in lamp.log
        assert 0 < len(lamp.log.splitlines()) <= 8


def said_state(broker: Mosquitto) -> bytes | None:
    heard = broker.retained(STATE_TOPIC).get(STATE_TOPIC)
    return None if heard is None else heard.payload
