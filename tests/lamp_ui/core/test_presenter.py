"""What the screen shows first, how far the connection reaches, and the confirmation of a claim."""

from typing import cast

import pytest

from lamp_ui.core.events import AssociationChanged, BridgeChanged, Event, LinkChanged
from lamp_ui.core.lamp_control import Lamp
from lamp_ui.core.presenter import CONFIRMATION_SECONDS
from lamp_ui.core.view_state import Reach
from shared.protocol.payloads import Associated, Unassociated
from tests.support.presenting import CODE, DIM_AFTER, START, after, popup_after, presenter_after


def test_before_the_first_event_the_lamps_own_screen_is_shown() -> None:
    state = after()
    assert (state.popup, state.confirmation, state.status) == (None, None, None)
    assert (state.main.headline, state.main.lamp, state.dimmed) == ("LAMPI 0387", Lamp(), False)


@pytest.mark.parametrize(
    ("events", "connection", "words"),
    [
        ([], Reach.NONE, "No connection"),
        ([LinkChanged(True)], Reach.LOCAL_ONLY, "Waiting for the cloud"),
        ([LinkChanged(True), BridgeChanged(False)], Reach.LOCAL_ONLY, "Waiting for the cloud"),
        ([LinkChanged(True), BridgeChanged(True)], Reach.CLOUD, "Cloud connected"),
        (
            [LinkChanged(True), BridgeChanged(True), BridgeChanged(False)],
            Reach.LOCAL_ONLY,
            "Waiting for the cloud",
        ),
        ([LinkChanged(True), BridgeChanged(True), BridgeChanged(None)], Reach.LOCAL_ONLY, "Waiting for the cloud"),
        ([LinkChanged(True), BridgeChanged(True), LinkChanged(False)], Reach.NONE, "No connection"),
        # What the bridge was before the link was lost says nothing about what it is now.
        (
            [LinkChanged(True), BridgeChanged(True), LinkChanged(False), LinkChanged(True)],
            Reach.LOCAL_ONLY,
            "Waiting for the cloud",
        ),
    ],
)
def test_the_connection(events: list[Event], connection: Reach, words: str) -> None:
    state = after(*events)
    assert (state.connection, state.connection_words) == (connection, words)


def test_a_claim_is_confirmed_for_two_seconds() -> None:
    presenter = presenter_after(AssociationChanged(Unassociated(CODE)), AssociationChanged(Associated()))
    assert presenter.view_state(START).confirmation == "This lamp is yours"
    assert presenter.next_at(START) == START + CONFIRMATION_SECONDS
    assert presenter.view_state(START + CONFIRMATION_SECONDS - 0.01).confirmation is not None
    assert presenter.view_state(START + CONFIRMATION_SECONDS).confirmation is None
    assert presenter.next_at(START + CONFIRMATION_SECONDS) == START + DIM_AFTER


@pytest.mark.parametrize("before", [None, Associated()])
def test_a_lamp_that_already_had_an_owner_confirms_nothing(before: Associated | None) -> None:
    assert after(AssociationChanged(before), AssociationChanged(Associated())).confirmation is None


@pytest.mark.parametrize("then", [Unassociated(CODE), None])
def test_a_new_message_ends_the_confirmation(then: Unassociated | None) -> None:
    claimed = [AssociationChanged(Unassociated(CODE)), AssociationChanged(Associated())]
    assert after(*claimed, AssociationChanged(then)).confirmation is None


def test_repr_never_contains_the_code() -> None:
    event = AssociationChanged(Unassociated(CODE, f"https://a.example/{CODE}"))
    shown = repr(popup_after(event)) + repr(after(event))
    assert "b71" not in shown
    assert "b71" not in repr(AssociationChanged(Unassociated(CODE)))


def test_an_unknown_event_is_a_programming_error() -> None:
    with pytest.raises(AssertionError):
        presenter_after(cast("Event", "news"))
