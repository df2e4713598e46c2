"""Resets at a lamp: the touchscreen's buttons, the passing of a day, and what the lamp's broker retains."""

import json
from typing import Any

from PIL import Image

from cloud.services.resets import OWNER_HAS
from cloud.store.reset_requests import ResetRequest
from lamp_ui.geometry.layout import FINGER, Box, place_dialog, place_status, unit_of
from lamp_ui.geometry.theme import CARD_EDGE, HOLD, over
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.looks import tap_mark
from tests.support.loop import associated, opened_database
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until

REPEAT_SECONDS, TRIES = 2.0, 5
STATUS_LINES = [1, 2, 2, 1, 1, 2]


def reset_topic(device_id: str) -> str:
    return f"devices/{device_id}/lamp/reset"


def answer_at(broker: Mosquitto, device_id: str) -> dict[str, Any]:
    """Return the answer that a broker retains for a lamp; empty without one."""
    kept = broker.retained(associated(device_id)).get(associated(device_id))
    answer: dict[str, Any] = json.loads(kept.payload).get("reset", {}) if kept else {}
    return answer


def wait_for_stage(broker: Mosquitto, device_id: str, stage: str | None) -> dict[str, Any]:
    """Wait for an answer with this stage, or for none; return it."""
    wait_until(lambda: answer_at(broker, device_id).get("stage") == stage, f"the stage {stage!r}")
    return answer_at(broker, device_id)


def ask(broker: Mosquitto, device_id: str, request: dict[str, str], stage: str) -> dict[str, Any]:
    """Repeat a request until it is answered, as the touchscreen does; return the answer."""
    for _ in range(TRIES - 1):
        broker.publish(reset_topic(device_id), json.dumps(request))
        try:
            wait_until(lambda: answer_at(broker, device_id).get("stage") == stage, "an answer", REPEAT_SECONDS)
        except AssertionError:
            continue
        break
    return wait_for_stage(broker, device_id, stage)


def request_reset(broker: Mosquitto, device_id: str) -> None:
    """Ask and confirm."""
    ticket = ask(broker, device_id, {}, "offered")["ticket"]
    ask(broker, device_id, {"ticket": ticket}, "requested")


def let_a_day_pass(cloud: Cloud) -> None:
    """Set back the times of all requests: to the daemon, a day has passed."""
    with opened_database(cloud):
        for request in ResetRequest.select():
            request.since, request.due_at = request.since - OWNER_HAS, request.due_at - OWNER_HAS
            request.save()


def hold_button(lamp: Touchscreen) -> tuple[float, float]:
    """Return the pixel in the middle of the button that is held, counted from the upper left."""
    hold = place_status(*_size(lamp), STATUS_LINES, hold=True).hold
    assert hold is not None
    return _middle(lamp, hold)


def hold(screen: Touchscreen) -> None:
    """Open the status page of the touchscreen, and hold the button until the dialog is there."""
    tap_mark(screen)
    screen.wait_for_text("reset ownership")
    screen.screen.press(*hold_button(screen))
    screen.wait_for_text("Request reset")
    screen.screen.lift()


def half_held(lamp: Touchscreen) -> Image.Image:
    """Return the screen once the light has reached the middle of the button that is held."""
    x, y = (round(part) for part in hold_button(lamp))
    below_words = x, y + round(0.33 * FINGER * unit_of(*_size(lamp)))
    lit = [round(255 * part) for part in over(CARD_EDGE, HOLD)[:3]]

    def is_lit() -> bool:
        pixel: Any = lamp.screen.grab().getpixel(below_words)
        return all(abs(seen - expected) < 12 for seen, expected in zip(pixel, lit, strict=True))

    wait_until(is_lit, "the light to reach the middle of the button")
    return lamp.screen.grab()


def tap_confirm(lamp: Touchscreen) -> None:
    _tap(lamp, place_dialog(*_size(lamp)).confirm)


def tap_close(lamp: Touchscreen) -> None:
    _tap(lamp, place_dialog(*_size(lamp)).close)


def _tap(lamp: Touchscreen, box: Box) -> None:
    x, y = _middle(lamp, box)
    lamp.screen.touch(round(x), round(y))


def _middle(lamp: Touchscreen, box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, _size(lamp)[1] - box.y - box.height / 2


def _size(lamp: Touchscreen) -> tuple[int, int]:
    width, height = lamp.screen.size.split("x")
    return int(width), int(height)
