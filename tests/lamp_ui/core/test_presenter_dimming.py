"""Dimming, and the status page."""

from math import inf

import pytest

from lamp_ui.core.events import (
    AssociationChanged,
    BridgeChanged,
    ControlLetGo,
    ControlMoved,
    Event,
    FingerHeld,
    LampChanged,
    LinkChanged,
    StatusAsked,
    StatusLeft,
    Touched,
)
from lamp_ui.core.lamp_control import Control
from shared.protocol.payloads import Associated, LampConfig, Unassociated
from tests.support.presenting import CODE, DEVICE_ID, DIM_AFTER, START, presenter_after

UP: list[Event] = [LinkChanged(True), BridgeChanged(True), AssociationChanged(None)]
"""A connection over which a message has come, so that the next code is a new one."""


def test_a_code_that_can_be_used_keeps_the_screen_awake_and_no_longer() -> None:
    presenter = presenter_after(*UP, AssociationChanged(Unassociated(CODE)))
    late = START + 100 * DIM_AFTER
    assert not presenter.view_state(late).dimmed
    presenter.receive(BridgeChanged(False), late)
    assert not presenter.view_state(late).dimmed
    assert presenter.view_state(late + DIM_AFTER).dimmed
    presenter.receive(BridgeChanged(True), late + DIM_AFTER)
    assert not presenter.view_state(late + DIM_AFTER).dimmed


def test_a_status_page_over_a_code_closes_by_itself() -> None:
    presenter = presenter_after(*UP, AssociationChanged(Unassociated(CODE)), StatusAsked())
    assert presenter.view_state(START + DIM_AFTER - 1).status is not None
    state = presenter.view_state(START + DIM_AFTER)
    assert (state.status, state.dimmed) == (None, False)


@pytest.mark.parametrize(
    "event",
    [
        Touched(),
        ControlMoved(Control.HUE, 0.5),
        ControlLetGo(Control.HUE),
        StatusAsked(),
        AssociationChanged(Unassociated(CODE)),
    ],
)
def test_it_dims_after_a_while_and_wakes_for_a_finger_or_a_code(event: Event) -> None:
    presenter = presenter_after()
    late = START + DIM_AFTER
    assert not presenter.view_state(late - 0.1).dimmed
    assert presenter.view_state(late).dimmed
    assert presenter.next_at(late) == inf
    presenter.receive(event, late)
    assert not presenter.view_state(late).dimmed


def test_it_wakes_for_a_claim() -> None:
    presenter = presenter_after(AssociationChanged(Unassociated(CODE)))
    presenter.receive(AssociationChanged(Associated()), START + DIM_AFTER)
    assert not presenter.view_state(START + DIM_AFTER).dimmed


def test_repeated_messages_do_not_wake_it() -> None:
    presenter = presenter_after(AssociationChanged(Unassociated(CODE)))
    late = START + DIM_AFTER
    for event in (AssociationChanged(Unassociated(CODE)), BridgeChanged(True), LampChanged(LampConfig(on=True))):
        presenter.receive(event, late)
    assert presenter.view_state(late).dimmed


def test_the_status_page_opens_and_closes() -> None:
    presenter = presenter_after(LinkChanged(True), BridgeChanged(True), StatusAsked())
    page = presenter.view_state(START).status
    assert page is not None
    assert {row.name: row.value for row in page.rows} == {
        "ID": DEVICE_ID,
        "Network": "192.168.1.17",
        "Software": "LAMPI 1",
        "Broker": "connected\nlocalhost:1883",
        "Cloud": "connected",
        "Last heard": "12:00:00",
    }
    assert page.advice == "The lamp's service has not reported yet. Check that it is running."
    for leave in (StatusAsked(), StatusLeft()):
        presenter.receive(leave, START)
        assert presenter.view_state(START).status is None
        presenter.receive(StatusAsked(), START)
        assert presenter.view_state(START).status is not None


@pytest.mark.parametrize("event", [AssociationChanged(Unassociated(CODE)), Touched()])
def test_a_status_page_that_was_left_open_closes(event: Event) -> None:
    presenter = presenter_after(StatusAsked())
    presenter.receive(event, START + DIM_AFTER)
    assert presenter.view_state(START + DIM_AFTER).status is None


def test_the_status_page_says_that_the_code_has_expired() -> None:
    presenter = presenter_after(
        *UP, LampChanged(LampConfig(on=True)), AssociationChanged(Unassociated(CODE, good_for=30)), StatusAsked()
    )

    def advice(now: float) -> str:
        page = presenter.view_state(now).status
        assert page is not None
        return page.advice

    assert advice(START + 29) == "Everything works."
    expired = "The code has expired without a new one. Check that the cloud's daemon is running."
    assert advice(START + 30) == expired


def test_a_finger_that_is_down_keeps_the_screen_awake() -> None:
    presenter = presenter_after()
    presenter.receive(Touched(), START)
    presenter.receive(FingerHeld(True), START)
    assert not presenter.view_state(START + 9 * DIM_AFTER).dimmed
    assert presenter.next_at(START + 9 * DIM_AFTER) == inf
    lifted_at = START + 10 * DIM_AFTER
    presenter.receive(FingerHeld(False), lifted_at)
    assert presenter.next_at(lifted_at) == lifted_at + DIM_AFTER
    assert not presenter.view_state(lifted_at + DIM_AFTER - 1).dimmed
    assert presenter.view_state(lifted_at + DIM_AFTER).dimmed
