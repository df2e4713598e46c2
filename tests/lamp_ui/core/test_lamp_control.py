"""The user's requests and the lamp's reports: kept apart, and never invented."""

from math import inf

import pytest

from lamp_ui.core.lamp_control import (
    ANSWER_SECONDS,
    CLIENT_NAME,
    PENDING_SECONDS,
    REQUEST_INTERVAL_SECONDS,
    SETTLE_SECONDS,
    Control,
    Knowledge,
    Lamp,
    LampControl,
)
from shared.protocol.payloads import Color, LampConfig


def said(brightness: float, client: str = CLIENT_NAME) -> LampConfig:
    return LampConfig(Color(0.1, 0.2), brightness, True, client)


def known() -> LampControl:
    control = LampControl()
    control.receive(LampConfig(Color(0.1, 0.2), 0.3, True, "web"), -100)
    return control


@pytest.mark.parametrize(
    ("config", "lamp"),
    [
        (LampConfig(Color(0.1, 0.2), 0.3, False, "web"), Lamp(0.1, 0.2, 0.3, False)),
        (LampConfig(brightness=0.3), Lamp(brightness=0.3)),
        (LampConfig(color=Color(0.1, 0.2)), Lamp(0.1, 0.2)),
        (LampConfig(on=False, client=CLIENT_NAME), Lamp(on=False)),
        (LampConfig(), Lamp()),
    ],
)
def test_a_message_changes_only_what_it_names(config: LampConfig, lamp: Lamp) -> None:
    control = LampControl()
    assert (control.shown, control.knowledge(0)) == (Lamp(), Knowledge.UNKNOWN)
    control.receive(config, 0)
    assert control.shown == lamp
    incomplete = Knowledge.UNKNOWN if lamp == Lamp() else Knowledge.PARTIAL
    assert control.knowledge(0) is (incomplete if lamp.on is None else Knowledge.KNOWN)


def test_what_the_lamp_has_not_said_can_not_be_changed() -> None:
    control = LampControl()
    control.switch()
    for each in Control:
        control.move(each, 0.5)
    assert control.shown == Lamp()
    assert control.take_request(0) is None
    control.receive(LampConfig(brightness=0.4), 0)
    control.switch()
    control.move(Control.HUE, 0.5)
    assert control.take_request(0) is None
    control.move(Control.BRIGHTNESS, 0.5)
    assert control.take_request(0) == LampConfig(brightness=0.5, client=CLIENT_NAME)


def test_a_lamp_that_is_off_and_made_brighter_is_switched_on() -> None:
    control = LampControl()
    control.receive(LampConfig(Color(0.1, 0.2), 0.3, False, "web"), 0)
    control.move(Control.BRIGHTNESS, 0.2)
    assert control.shown.on is False
    control.move(Control.BRIGHTNESS, 0.6)
    assert control.shown == Lamp(0.1, 0.2, 0.6, True)
    assert control.take_request(1) == LampConfig(Color(0.1, 0.2), 0.6, True, CLIENT_NAME)


def test_touching_the_brightness_of_a_lamp_that_is_off_switches_it_on() -> None:
    control = LampControl()
    control.receive(LampConfig(Color(0.1, 0.2), 1.0, False, "web"), 0)
    control.move(Control.BRIGHTNESS, 1.0)  # it can't be made brighter
    assert control.take_request(1) == LampConfig(Color(0.1, 0.2), 1.0, True, CLIENT_NAME)


def test_a_finger_that_dims_a_lamp_that_is_off_does_not_switch_it_on() -> None:
    control = LampControl()
    control.receive(LampConfig(Color(0.1, 0.2), 0.9, False, "web"), 0)
    for value in (0.7, 0.6, 0.6):
        control.move(Control.BRIGHTNESS, value)
    assert control.shown == Lamp(0.1, 0.2, 0.6, False)


def test_a_change_by_another_client_is_no_answer() -> None:
    control = LampControl()
    control.receive(said(0.3), 0)
    control.switch()
    control.take_request(0)
    control.receive(LampConfig(Color(0.1, 0.2), 0.8, True, "web"), 0.02)
    assert control.shown == Lamp(0.1, 0.2, 0.8, False)
    assert control.knowledge(1) is Knowledge.PENDING
    control.settle(ANSWER_SECONDS)
    assert (control.shown.on, control.knowledge(ANSWER_SECONDS)) == (True, Knowledge.UNANSWERED)


def test_an_answer_may_round_what_was_requested() -> None:
    control = known()
    control.move(Control.BRIGHTNESS, 0.5)
    control.let_go(Control.BRIGHTNESS)
    control.take_request(0)
    control.receive(said(0.498, ""), 0.1)
    assert (control.shown.brightness, control.knowledge(1)) == (0.498, Knowledge.KNOWN)


def test_an_answer_that_does_not_name_us_is_one_where_it_says_what_was_asked() -> None:
    control = known()
    control.switch()
    control.take_request(0)
    control.receive(LampConfig(on=False), 0.1)
    assert control.knowledge(1) is Knowledge.KNOWN
    assert control.next_at(1) == inf


def test_while_a_finger_holds_a_slider_nothing_falls_back() -> None:
    control = known()
    control.move(Control.HUE, 0.5)
    control.take_request(0)
    control.settle(100)
    assert (control.shown.hue, control.knowledge(100)) == (0.5, Knowledge.PENDING)
    control.let_go(Control.HUE)
    control.settle(100)
    assert (control.shown.hue, control.knowledge(100)) == (0.1, Knowledge.UNANSWERED)


def test_what_a_message_does_not_name_stays_as_the_last_one_said() -> None:
    control = LampControl()
    control.receive(LampConfig(Color(0.1, 0.2), 0.3, False, "web"), 0)
    control.receive(LampConfig(brightness=0.4, client="web"), 1)
    control.receive(LampConfig(on=True, client="web"), 2)
    assert control.shown == Lamp(0.1, 0.2, 0.4, True)


@pytest.mark.parametrize("client", [CLIENT_NAME, "web"])
def test_nothing_moves_the_slider_under_the_finger(client: str) -> None:
    control = known()
    control.move(Control.BRIGHTNESS, 0.5)
    control.take_request(0)
    control.receive(said(0.1, client), 10)
    assert control.shown == Lamp(0.1, 0.2, 0.5, True)  # the others follow


def test_a_late_echo_does_not_pull_it_back_after_the_finger_left() -> None:
    control = known()
    for at, value in enumerate((0.5, 0.9)):
        control.move(Control.BRIGHTNESS, value)
        assert control.take_request(at) is not None
    control.let_go(Control.BRIGHTNESS)
    control.receive(said(0.5), 1.2)
    assert control.shown.brightness == 0.9
    assert control.next_at(1.2) == 1 + SETTLE_SECONDS
    control.receive(said(0.88), 1.3)  # a lamp of few steps
    control.settle(1 + SETTLE_SECONDS)
    assert control.shown.brightness == 0.88
    assert control.next_at(5) == inf


def test_without_an_answer_it_falls_back_to_what_the_lamp_said() -> None:
    control = known()
    control.move(Control.HUE, 0.4)
    control.take_request(0)
    control.let_go(Control.HUE)
    assert control.next_at(0) == PENDING_SECONDS
    assert control.next_at(PENDING_SECONDS) == ANSWER_SECONDS
    control.settle(ANSWER_SECONDS - 0.01)
    assert (control.shown.hue, control.knowledge(ANSWER_SECONDS - 0.01)) == (0.4, Knowledge.PENDING)
    control.settle(ANSWER_SECONDS)
    assert (control.shown.hue, control.knowledge(ANSWER_SECONDS)) == (0.1, Knowledge.UNANSWERED)
    assert control.next_at(ANSWER_SECONDS) == inf
    control.switch()
    control.take_request(10)
    assert control.knowledge(10) is Knowledge.KNOWN
    assert control.knowledge(10 + PENDING_SECONDS) is Knowledge.PENDING


def test_others_are_followed_at_once_after_the_answer() -> None:
    control = known()
    control.move(Control.BRIGHTNESS, 0.5)
    control.take_request(0)
    control.let_go(Control.BRIGHTNESS)
    control.receive(said(0.5), 0.1)
    control.receive(said(0.7, "web"), 0.2)
    assert control.shown.brightness == 0.7


def test_what_was_not_sent_yet_is_not_lost_to_others() -> None:
    control = known()
    control.move(Control.BRIGHTNESS, 0.5)
    control.let_go(Control.BRIGHTNESS)
    control.receive(said(0.7, "web"), 0)
    request = control.take_request(0)
    assert request is not None
    assert request.brightness == 0.5


def test_a_moving_finger_asks_at_most_20_times_a_second_and_its_last_value_always() -> None:
    control = known()
    asked = []
    for step in range(1001):  # a second of moves
        control.move(Control.HUE, step / 1000)
        request = control.take_request(step / 1000)
        if request is not None:
            asked.append(request)
    assert 15 <= len(asked) <= 20
    due = control.next_at(1)
    assert 1 < due <= 1 + REQUEST_INTERVAL_SECONDS
    last = control.take_request(due)
    assert last is not None
    assert last.color is not None
    assert (last.color.h, last.client) == (1.0, CLIENT_NAME)


def test_the_same_value_again_is_no_request() -> None:
    control = known()
    control.move(Control.HUE, 0.5)
    assert control.take_request(0) is not None
    control.move(Control.HUE, 0.5)
    assert control.take_request(1) is None


def test_where_nothing_was_asked_nothing_fails() -> None:
    control = known()
    control.fail()
    assert control.knowledge(0) is Knowledge.KNOWN
