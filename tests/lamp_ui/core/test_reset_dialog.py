"""The dialog for a reset: it asks until it is answered, and says only what the cloud has said."""

from datetime import UTC, datetime
from math import inf

import pytest

from lamp_ui.core.events import (
    AssociationChanged,
    BridgeChanged,
    Event,
    LampChanged,
    LinkChanged,
    ResetConfirmed,
    ResetHeld,
    ResetLeft,
    StatusAsked,
    StatusLeft,
)
from lamp_ui.core.presenter import Presenter
from lamp_ui.core.reset_dialog import GIVE_UP_SECONDS, REPEAT_SECONDS
from lamp_ui.core.view_state import ResetPage
from shared.protocol.payloads import Associated, Association, LampConfig, Unassociated
from shared.protocol.reset import Reset, ResetRequest, ResetStage
from tests.support.presenting import CODE, START, presenter_after

TICKET, OTHER_TICKET = "5b8d0f3a6c1e4972b0d5a8e3f7c21946", "0f" * 16
OFFER = Reset(ResetStage.OFFERED, TICKET, 24 * 3600)
UNTIL = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REQUESTED = Reset(ResetStage.REQUESTED, until=UNTIL)
REFUSED = Reset(ResetStage.REFUSED, until=UNTIL)
DENIED = Reset(ResetStage.DENIED)
READY: list[Event] = [
    LinkChanged(True),
    BridgeChanged(True, provisioned=True),
    LampChanged(LampConfig(on=True)),
    AssociationChanged(Associated()),
    StatusAsked(),
]
ASKING = "Asking the cloud…"
UNANSWERED = "The cloud did not answer. Please try again later."


def answered(reset: Reset | None) -> AssociationChanged:
    return AssociationChanged(Associated("Kitchen", reset))


def page(presenter: Presenter, now: float = START) -> ResetPage | None:
    return presenter.view_state(now).reset


def words(presenter: Presenter, now: float = START) -> str:
    shown = page(presenter, now)
    assert shown is not None
    return shown.words


def sent(presenter: Presenter, until: float) -> list[tuple[float, ResetRequest]]:
    """Return what is sent up to a time, and when, as the program asks for it: only when something is due."""
    requests, now = [], START
    while now <= until:
        if (request := presenter.take_reset_request(now)) is not None:
            requests.append((now - START, request))
        now = presenter.next_at(now)
    return requests


def test_it_asks_until_it_gives_up() -> None:
    presenter = presenter_after(*READY, ResetHeld())
    assert words(presenter) == ASKING
    assert sent(presenter, START + 59) == [(step * REPEAT_SECONDS, ResetRequest()) for step in range(4)]
    assert words(presenter, START + GIVE_UP_SECONDS - 0.1) == ASKING
    assert words(presenter, START + GIVE_UP_SECONDS) == UNANSWERED


def test_an_offer_is_confirmed_with_its_ticket_until_the_cloud_says_that_it_is_requested() -> None:
    presenter = presenter_after(*READY, ResetHeld(), answered(OFFER))
    assert page(presenter) == ResetPage(
        "Reset ownership",
        "The owner has 24 hours to refuse. After that, the lamp is released and shows a code.",
        "Request reset",
        "Cancel",
    )
    assert sent(presenter, START + 30) == []
    presenter.receive(ResetConfirmed(), START)
    assert words(presenter) == ASKING
    assert sent(presenter, START + 7) == [(0, ResetRequest(TICKET)), (REPEAT_SECONDS, ResetRequest(TICKET))]
    presenter.receive(answered(REQUESTED), START + 8)
    assert words(presenter, START + 8) == (
        "Reset requested. The lamp is released on 2026-11-24 12:00 UTC unless its owner refuses."
    )
    assert presenter.take_reset_request(START + 12) is None
    presenter.receive(ResetLeft(), START + 9)
    assert page(presenter, START + 9) is None
    assert presenter.view_state(START + 9).status is not None


def test_another_offer_instead_of_an_answer_is_to_be_confirmed_again() -> None:
    """The cloud has not believed the ticket: it was too old, or the lamp has another owner by now."""
    presenter = presenter_after(*READY, ResetHeld(), answered(OFFER), ResetConfirmed())
    presenter.receive(answered(Reset(ResetStage.OFFERED, OTHER_TICKET, 0)), START)
    shown = page(presenter)
    assert shown is not None
    assert shown.words == "The lamp is released at once: its owner loses it, and it shows a code."
    assert shown.confirm_words == "Reset now"
    assert presenter.take_reset_request(START) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (DENIED, "This cloud does not allow resets at the lamp. Ask its operator."),
        (REFUSED, "The owner refused the reset. It can be requested again from 2026-11-24 12:00 UTC on."),
        (REQUESTED, "Reset requested. The lamp is released on 2026-11-24 12:00 UTC unless its owner refuses."),
    ],
)
def test_what_the_cloud_answered_is_on_the_dialog_and_on_the_status_page(answer: Reset, said: str) -> None:
    presenter = presenter_after(*READY, ResetHeld(), answered(answer))
    assert words(presenter) == said
    presenter.receive(ResetLeft(), START)
    status = presenter.view_state(START).status
    assert status is not None
    assert (status.advice, status.reset) == (said, None)
    presenter.receive(ResetHeld(), START)  # by a finger that was already on the button
    assert page(presenter) is None


def test_an_offer_that_ends_takes_the_dialog_with_it() -> None:
    presenter = presenter_after(*READY, ResetHeld(), answered(OFFER), answered(None))
    assert page(presenter) is None
    status = presenter.view_state(START).status
    assert status is not None
    assert status.reset is not None


def test_a_released_lamp_shows_its_code_instead() -> None:
    presenter = presenter_after(*READY, ResetHeld(), answered(OFFER), ResetConfirmed())
    presenter.receive(AssociationChanged(Unassociated(CODE)), START)
    shown = presenter.view_state(START)
    assert (shown.reset, shown.status) == (None, None)
    assert shown.popup is not None
    assert presenter.take_reset_request(START) is None


@pytest.mark.parametrize("leave", [ResetLeft(), StatusLeft(), StatusAsked()])
def test_a_closed_dialog_asks_no_more(leave: Event) -> None:
    presenter = presenter_after(*READY, ResetHeld(), leave)
    assert page(presenter) is None
    assert presenter.take_reset_request(START) is None
    presenter.receive(answered(OFFER), START)
    presenter.receive(ResetConfirmed(), START)
    assert presenter.take_reset_request(START) is None


@pytest.mark.parametrize(
    "event",
    [
        BridgeChanged(True),
        BridgeChanged(False),
        BridgeChanged(None),
        LinkChanged(False),
        AssociationChanged(None),
    ],
)
def test_the_button_is_there_only_where_a_request_can_arrive(event: Event) -> None:
    """A lamp behind a bridge with another name is not provisioned, and can't ask."""
    presenter = presenter_after(*READY)
    status = presenter.view_state(START).status
    assert status is not None
    assert status.reset is not None
    assert status.reset.free == "Hold 5 s: reset ownership"
    presenter.receive(event, START)
    status = presenter.view_state(START).status
    assert status is not None
    assert status.reset is None
    presenter.receive(ResetHeld(), START)
    assert page(presenter) is None


@pytest.mark.parametrize("association", [Unassociated(CODE), None])
def test_a_lamp_that_is_not_known_to_have_an_owner_has_no_button(association: Association | None) -> None:
    presenter = presenter_after(*READY[:-2], AssociationChanged(association), StatusAsked())
    status = presenter.view_state(START).status
    assert status is not None
    assert status.reset is None


def test_a_fault_is_said_before_a_request() -> None:
    presenter = presenter_after(*READY, answered(REQUESTED), BridgeChanged(False, provisioned=False))
    status = presenter.view_state(START).status
    assert status is not None
    assert status.advice == "The cloud is not connected. Check the network; the lamp keeps trying."


def test_nothing_is_due_while_it_is_closed() -> None:
    presenter = presenter_after(*READY[:-1])
    presenter.receive(answered(REQUESTED), START)
    assert presenter.next_at(START + 1000) == inf
