"""What the finger asks and what the lamp says: neither gets into the other's way."""

from math import inf

import pytest

from lamp_ui.lamp import (
    CLIENT_NAME,
    NOT_YET_HEARD,
    REQUEST_INTERVAL_SECONDS,
    SETTLE_SECONDS,
    Control,
    Lamp,
    LampControl,
)
from shared.payloads import Color, LampConfig


def said(brightness: float, client: str = CLIENT_NAME) -> LampConfig:
    return LampConfig(Color(0.1, 0.2), brightness, True, client)


@pytest.mark.parametrize(
    ("config", "lamp"),
    [
        (LampConfig(Color(0.1, 0.2), 0.3, False, "web"), Lamp(0.1, 0.2, 0.3, False)),
        (LampConfig(brightness=0.3), Lamp(NOT_YET_HEARD.hue, NOT_YET_HEARD.saturation, 0.3, True)),
        (LampConfig(color=Color(0.1, 0.2)), Lamp(0.1, 0.2, NOT_YET_HEARD.brightness, True)),
        (LampConfig(on=False, client=CLIENT_NAME), Lamp(*(NOT_YET_HEARD.__dict__ | {"on": False}).values())),
        (LampConfig(), NOT_YET_HEARD),
    ],
)
def test_a_message_changes_only_what_it_names(config: LampConfig, lamp: Lamp) -> None:
    control = LampControl()
    control.hear(config, 0)
    assert control.shown == lamp


def test_what_a_message_does_not_name_stays_as_the_last_one_said() -> None:
    control = LampControl()
    control.hear(LampConfig(Color(0.1, 0.2), 0.3, False, "web"), 0)
    control.hear(LampConfig(brightness=0.4, client="web"), 1)
    control.hear(LampConfig(on=True, client="web"), 2)
    assert control.shown == Lamp(0.1, 0.2, 0.4, True)


@pytest.mark.parametrize("client", [CLIENT_NAME, "web"])
def test_nothing_moves_the_slider_under_the_finger(client: str) -> None:
    control = LampControl()
    control.move(Control.BRIGHTNESS, 0.5)
    control.take_request(0)
    control.hear(said(0.1, client), 10)
    assert control.shown == Lamp(0.1, 0.2, 0.5, True)  # the others follow


def test_a_late_echo_does_not_pull_it_back_after_the_finger_left() -> None:
    control = LampControl()
    for at, value in enumerate((0.5, 0.9)):
        control.move(Control.BRIGHTNESS, value)
        assert control.take_request(at) is not None
    control.let_go(Control.BRIGHTNESS)
    control.hear(said(0.5), 1.2)
    assert control.shown.brightness == 0.9
    assert control.next_at(can_send=True) == 1 + SETTLE_SECONDS
    control.hear(said(0.88), 1.3)  # a lamp of few steps
    control.settle(1 + SETTLE_SECONDS)
    assert control.shown.brightness == 0.88
    assert control.next_at(can_send=True) == inf


def test_without_an_answer_the_last_word_is_the_fingers() -> None:
    control = LampControl()
    control.move(Control.HUE, 0.4)
    control.take_request(0)
    control.let_go(Control.HUE)
    control.settle(100)
    assert control.shown.hue == 0.4
    assert control.next_at(can_send=True) == inf
    control.hear(said(0.5), 100)
    assert control.shown.hue == 0.1


def test_others_are_followed_at_once_when_the_finger_is_gone() -> None:
    control = LampControl()
    control.move(Control.BRIGHTNESS, 0.5)
    control.take_request(0)
    control.let_go(Control.BRIGHTNESS)
    control.hear(said(0.7, "web"), 0.1)
    assert control.shown.brightness == 0.7


def test_what_was_not_sent_yet_is_not_lost_to_others() -> None:
    control = LampControl()
    control.move(Control.BRIGHTNESS, 0.5)
    control.let_go(Control.BRIGHTNESS)
    control.hear(said(0.7, "web"), 0)
    request = control.take_request(0)
    assert request is not None
    assert request.brightness == 0.5


def test_a_moving_finger_asks_at_most_20_times_a_second_and_its_last_value_always() -> None:
    control = LampControl()
    asked = []
    for step in range(1001):  # a second of moves
        control.move(Control.HUE, step / 1000)
        request = control.take_request(step / 1000)
        if request is not None:
            asked.append(request)
    assert 15 <= len(asked) <= 20
    due = control.next_at(can_send=True)
    assert 1 < due <= 1 + REQUEST_INTERVAL_SECONDS
    last = control.take_request(due)
    assert last is not None
    assert last.color is not None
    assert (last.color.h, last.client) == (1.0, CLIENT_NAME)


def test_the_same_value_again_is_no_request() -> None:
    control = LampControl()
    control.move(Control.HUE, 0.5)
    assert control.take_request(0) is not None
    control.move(Control.HUE, 0.5)
    assert control.take_request(1) is None


def test_a_lamp_that_has_answered_is_not_asked_again_when_the_link_breaks() -> None:
    control = LampControl()
    control.switch()
    control.take_request(0)
    control.hear(LampConfig(on=False, client=CLIENT_NAME), 0.1)
    control.lose_request()
    assert control.take_request(1) is None


def test_what_somebody_else_has_set_since_is_not_asked_again_when_the_link_breaks() -> None:
    control = LampControl()
    control.switch()
    control.take_request(0)
    control.hear(LampConfig(brightness=0.3, client="web"), 0.1)
    control.lose_request()
    assert control.take_request(1) is not None  # that was not about the switch
    control.hear(LampConfig(on=True, client="web"), 1.1)
    control.lose_request()
    assert control.take_request(2) is None


def test_nothing_is_asked_of_a_lamp_that_is_only_guessed() -> None:
    control = LampControl()
    control.switch()
    assert control.take_request(0) == LampConfig(on=False, client=CLIENT_NAME)
    control.move(Control.BRIGHTNESS, 0.5)
    assert control.take_request(1) == LampConfig(brightness=0.5, on=False, client=CLIENT_NAME)
    control.hear(LampConfig(Color(0.1, 0.2), client="web"), 2)
    control.move(Control.SATURATION, 0.3)
    assert control.take_request(3) == LampConfig(Color(0.1, 0.3), 0.5, False, CLIENT_NAME)
