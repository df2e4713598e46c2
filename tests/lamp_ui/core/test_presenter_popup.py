"""The popup: its code, its instruction and its hint."""

import pytest

from lamp_ui.core.events import AssociationChanged, BridgeChanged, Event, LinkChanged, LinkTroubled
from lamp_ui.core.view_state import PopupState
from shared.mqtt.trouble import Trouble
from shared.protocol.payloads import WITHDRAWN, Associated, Unassociated, decode_association
from tests.support.presenting import CODE, START, after, popup_after, presenter_after

ACCOUNT = "Enter this code in your LAMPI account to make this lamp yours."
UP: list[Event] = [LinkChanged(True), BridgeChanged(True), AssociationChanged(None)]
"""A connection over which a message has come, so that the next code is a new one."""


def test_an_unassociated_lamp_shows_six_characters_in_two_groups() -> None:
    popup = popup_after(LinkChanged(True), BridgeChanged(True), AssociationChanged(Unassociated(CODE)))
    assert popup == PopupState("Associate your Lamp", ("b71", "e09"), ACCOUNT, "Lamp 0387", "Cloud connected", None)


@pytest.mark.parametrize(
    ("length", "groups"),
    [
        (7, ("b71e", "094")),
        (8, ("b71e", "094d")),
        (9, ("b71", "e09", "4d0")),
        (32, ("b71e", "094d", "0a8c", "4d0a", "8c4d", "0a8c", "4d0a", "8cff")),
    ],
)
def test_more_characters_where_the_message_says_so(length: int, groups: tuple[str, ...]) -> None:
    assert popup_after(AssociationChanged(Unassociated(CODE, short_code_length=length))).code_groups == groups


def test_a_new_code_takes_the_old_ones_place() -> None:
    events = [AssociationChanged(Unassociated(CODE)), AssociationChanged(Unassociated("0" * 32))]
    assert popup_after(*events).code_groups == ("000", "000")


@pytest.mark.parametrize("association", [Associated(), None])
def test_an_owner_or_a_cleared_message_closes_the_popup(association: Associated | None) -> None:
    assert after(AssociationChanged(Unassociated(CODE)), AssociationChanged(association)).popup is None


def test_a_withdrawn_message_closes_the_popup_and_says_nothing_of_an_owner() -> None:
    waiting, withdrawn = AssociationChanged(Unassociated(CODE)), AssociationChanged(decode_association(WITHDRAWN))
    assert after(waiting, withdrawn) == after(waiting, AssociationChanged(None))
    assert after(waiting, withdrawn).confirmation is None
    assert after(withdrawn, waiting).popup is not None


@pytest.mark.parametrize(
    ("url", "instruction", "scannable"),
    [
        (None, ACCOUNT, False),
        ("javascript:alert(1)", ACCOUNT, False),
        ("https://lamps.example.com/claim", "Scan, or enter this code at lamps.example.com/claim", True),
        (
            f"https://lamps.example.com/claim?a={'a' * 100}",
            "Go to lamps.example.com/claim and enter this code to make this lamp yours.",
            False,
        ),
        (
            "https://lamps.example.com/a/long/way/to/claim",
            "Scan, or enter this code in your LAMPI account.",
            True,
        ),
    ],
)
def test_the_instruction_says_what_can_be_done(url: str | None, instruction: str, scannable: bool) -> None:
    popup = popup_after(AssociationChanged(Unassociated(CODE, url)))
    assert (popup.instruction, popup.scanned_address is not None) == (instruction, scannable)


@pytest.mark.parametrize(
    ("events", "hint"),
    [
        ([LinkChanged(True), BridgeChanged(True)], "Cloud connected"),
        ([LinkChanged(True)], "Waiting for the cloud"),
        ([LinkChanged(True), BridgeChanged(True), BridgeChanged(None)], "Waiting for the cloud"),
        ([LinkChanged(True), BridgeChanged(True), BridgeChanged(False)], "Cloud unreachable. Please wait."),
        ([], "No connection. Tap the cross."),
        ([LinkChanged(True), BridgeChanged(False), LinkChanged(False)], "No connection. Tap the cross."),
        ([LinkChanged(True), LinkTroubled(Trouble.REFUSED)], "No connection. Tap the cross."),
        ([LinkChanged(True), BridgeChanged(False), LinkTroubled(Trouble.TAKEN_OVER)], "No connection. Tap the cross."),
    ],
)
def test_the_hint_says_whether_the_code_can_be_used(events: list[Event], hint: str) -> None:
    popup = popup_after(AssociationChanged(Unassociated(CODE)), *events)
    assert (popup.code_groups, popup.hint) == (("b71", "e09"), hint)


def test_a_new_code_is_announced_before_the_old_one_expires() -> None:
    presenter = presenter_after(*UP, AssociationChanged(Unassociated(CODE, good_for=900)))

    def hint(now: float) -> str:
        popup = presenter.view_state(now).popup
        assert popup is not None
        return popup.hint

    assert hint(START) == hint(START + 839.9) == "Cloud connected"
    assert hint(START + 840) == "New code in 60 s"
    assert hint(START + 855) == "New code in 50 s"
    assert hint(START + 899) == "New code in 10 s"
    assert hint(START + 900) == "Expired. A new code is coming."
    assert not presenter.view_state(START + 899).dimmed
    assert presenter.view_state(START + 900).dimmed
    presenter.receive(AssociationChanged(Unassociated("0" * 32, good_for=900)), START + 901)
    assert hint(START + 901) == "Cloud connected"
