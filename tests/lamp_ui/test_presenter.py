"""What the screen says, without a screen: the connection, the popup, the confirmation, dimming, the status page."""

from datetime import UTC, datetime
from math import inf
from typing import cast

import pytest

from lamp_ui.events import (
    AssociationChanged,
    BridgeChanged,
    ControlLetGo,
    ControlMoved,
    Event,
    LampChanged,
    LinkChanged,
    PowerPressed,
    RequestLost,
    StatusAsked,
    StatusLeft,
    Touched,
)
from lamp_ui.lamp import NOT_YET_HEARD, SETTLE_SECONDS, Control
from lamp_ui.presenter import CONFIRMATION_SECONDS, Presenter, Surroundings
from lamp_ui.status import About, MachineFacts
from lamp_ui.view_state import Connection, PopupState, ViewState
from shared.payloads import Associated, Color, LampConfig, Unassociated

DEVICE_ID = "b827ebba0387"
CODE = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"
ACCOUNT = "Enter this code in your LAMPI account to make this lamp yours."
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
START, DIM_AFTER = 1000.0, 60.0


def presenter_after(*events: Event) -> Presenter:
    facts = MachineFacts(("192.168.1.17",), NOON)
    about = About(DEVICE_ID, ("LAMPI 1",), "localhost:1883")
    presenter = Presenter(Surroundings(about, str, lambda: facts, DIM_AFTER), START)
    for event in events:
        presenter.receive(event, START)
    return presenter


def after(*events: Event) -> ViewState:
    return presenter_after(*events).view_state(START)


def popup_after(*events: Event) -> PopupState:
    popup = after(*events).popup
    assert popup is not None
    return popup


def test_before_anything_is_known_it_is_the_lamps_own_screen() -> None:
    state = after()
    assert (state.popup, state.confirmation, state.status) == (None, None, None)
    assert (state.main.device_id, state.main.lamp, state.dimmed) == (DEVICE_ID, NOT_YET_HEARD, False)


@pytest.mark.parametrize(
    ("events", "connection", "words"),
    [
        ([], Connection.NONE, "No connection"),
        ([LinkChanged(True)], Connection.LOCAL_ONLY, "The cloud is away"),
        ([LinkChanged(True), BridgeChanged(False)], Connection.LOCAL_ONLY, "The cloud is away"),
        ([LinkChanged(True), BridgeChanged(True)], Connection.CLOUD, "Cloud connected"),
        ([LinkChanged(True), BridgeChanged(True), BridgeChanged(False)], Connection.LOCAL_ONLY, "The cloud is away"),
        ([LinkChanged(True), BridgeChanged(True), LinkChanged(False)], Connection.NONE, "No connection"),
        # What the bridge was before the link was lost says nothing about what it is now.
        (
            [LinkChanged(True), BridgeChanged(True), LinkChanged(False), LinkChanged(True)],
            Connection.LOCAL_ONLY,
            "The cloud is away",
        ),
    ],
)
def test_the_connection(events: list[Event], connection: Connection, words: str) -> None:
    state = after(*events)
    assert (state.connection, state.connection_words) == (connection, words)


def test_an_unassociated_lamp_shows_six_characters_in_two_groups() -> None:
    popup = popup_after(LinkChanged(True), BridgeChanged(True), AssociationChanged(Unassociated(CODE)))
    assert popup == PopupState("Associate your Lamp", ("b71", "e09"), ACCOUNT, "Cloud connected", None)


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
def test_associated_or_cleared_is_the_lamps_own_screen(association: Associated | None) -> None:
    assert after(AssociationChanged(Unassociated(CODE)), AssociationChanged(association)).popup is None


@pytest.mark.parametrize("lost", [LinkChanged(False), BridgeChanged(False)])
def test_the_code_stays_when_the_cloud_goes_away_and_the_popup_says_so(lost: Event) -> None:
    up: list[Event] = [LinkChanged(True), BridgeChanged(True), AssociationChanged(Unassociated(CODE))]
    popup = popup_after(*up, lost)
    assert popup.code_groups == ("b71", "e09")
    assert popup.connection_words == "The cloud is away just now"


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


def test_a_lamp_that_becomes_somebodys_says_so_for_two_seconds() -> None:
    presenter = presenter_after(AssociationChanged(Unassociated(CODE)), AssociationChanged(Associated()))
    assert presenter.view_state(START).confirmation == "This lamp is yours"
    assert presenter.next_at(START) == START + CONFIRMATION_SECONDS
    assert presenter.view_state(START + CONFIRMATION_SECONDS - 0.01).confirmation is not None
    assert presenter.view_state(START + CONFIRMATION_SECONDS).confirmation is None
    assert presenter.next_at(START + CONFIRMATION_SECONDS) == START + DIM_AFTER


@pytest.mark.parametrize("before", [None, Associated()])
def test_a_lamp_that_was_somebodys_all_along_says_nothing(before: Associated | None) -> None:
    assert after(AssociationChanged(before), AssociationChanged(Associated())).confirmation is None


@pytest.mark.parametrize("then", [Unassociated(CODE), None])
def test_a_confirmation_yields_to_news(then: Unassociated | None) -> None:
    claimed = [AssociationChanged(Unassociated(CODE)), AssociationChanged(Associated())]
    assert after(*claimed, AssociationChanged(then)).confirmation is None


def test_it_follows_the_lamp_and_asks_for_what_the_finger_sets() -> None:
    heard = LampChanged(LampConfig(Color(0.5, 1.0), 0.25, False, "web"))
    presenter = presenter_after(LinkChanged(True), heard)
    main = presenter.view_state(START).main
    assert (main.power_words, main.control_words[Control.HUE].value) == ("Off", "Cyan")
    assert main.control_words[Control.BRIGHTNESS].value == "25%"
    presenter.receive(PowerPressed(), START)
    assert presenter.view_state(START).main.power_words == "On"
    presenter.receive(ControlMoved(Control.BRIGHTNESS, 1.0), START)
    presenter.receive(ControlLetGo(Control.BRIGHTNESS), START)
    assert presenter.take_request(START) == LampConfig(Color(0.5, 1.0), 1.0, True, "lamp_ui")
    assert presenter.take_request(START + 1) is None


def test_what_could_not_be_sent_is_sent_when_the_link_is_back() -> None:
    presenter = presenter_after(PowerPressed())
    assert presenter.take_request(START) is None
    assert presenter.next_at(START) == START + DIM_AFTER  # nothing to wake for
    presenter.receive(LinkChanged(True), START)
    assert presenter.take_request(START) is not None
    presenter.receive(RequestLost(), START)
    assert presenter.take_request(START + 1) is not None
    presenter.receive(LinkChanged(False), START + 1)
    presenter.receive(LinkChanged(True), START + 2)
    assert presenter.take_request(START + 2) is not None
    presenter.receive(LampChanged(LampConfig(on=True, client="lamp_ui")), START + 2)
    assert presenter.next_at(START + 2) == START + 2 + SETTLE_SECONDS
    assert presenter.view_state(START + 2).main.lamp.on is False
    assert presenter.view_state(START + 2 + SETTLE_SECONDS).main.lamp.on is True


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


def test_it_wakes_when_it_becomes_somebodys() -> None:
    presenter = presenter_after(AssociationChanged(Unassociated(CODE)))
    presenter.receive(AssociationChanged(Associated()), START + DIM_AFTER)
    assert not presenter.view_state(START + DIM_AFTER).dimmed


def test_it_sleeps_through_what_is_no_news() -> None:
    presenter = presenter_after(AssociationChanged(Unassociated(CODE)))
    late = START + DIM_AFTER
    for event in (AssociationChanged(Unassociated(CODE)), BridgeChanged(True), LampChanged(LampConfig(on=True))):
        presenter.receive(event, late)
    assert presenter.view_state(late).dimmed


def test_the_status_page_comes_and_goes() -> None:
    presenter = presenter_after(LinkChanged(True), BridgeChanged(True), StatusAsked())
    page = presenter.view_state(START).status
    assert page is not None
    assert {row.name: row.value for row in page.rows} == {
        "Lamp": DEVICE_ID,
        "IP address": "192.168.1.17",
        "Versions": "LAMPI 1",
        "Broker": "connected\nlocalhost:1883",
        "Bridge to the cloud": "connected",
        "Last message": "12:00:00",
    }
    for leave in (StatusAsked(), StatusLeft()):
        presenter.receive(leave, START)
        assert presenter.view_state(START).status is None
        presenter.receive(StatusAsked(), START)
        assert presenter.view_state(START).status is not None


@pytest.mark.parametrize("event", [AssociationChanged(Unassociated(CODE)), Touched()])
def test_a_forgotten_status_page_hides_nothing(event: Event) -> None:
    presenter = presenter_after(StatusAsked())
    presenter.receive(event, START + DIM_AFTER)
    assert presenter.view_state(START + DIM_AFTER).status is None


def test_no_code_in_what_a_log_could_say() -> None:
    event = AssociationChanged(Unassociated(CODE, f"https://a.example/{CODE}"))
    shown = repr(popup_after(event)) + repr(after(event))
    assert "b71" not in shown
    assert "b71" not in repr(AssociationChanged(Unassociated(CODE)))


def test_what_is_no_event_is_a_fault_of_the_program() -> None:
    with pytest.raises(AssertionError):
        presenter_after(cast("Event", "news"))
