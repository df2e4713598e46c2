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
    LinkTroubled,
    PowerPressed,
    RequestLost,
    StatusAsked,
    StatusLeft,
    Touched,
)
from lamp_ui.lamp import ANSWER_SECONDS, PENDING_SECONDS, Control, Knowledge, Lamp
from lamp_ui.presenter import CONFIRMATION_SECONDS, Presenter, Surroundings
from lamp_ui.status import About, MachineFacts
from lamp_ui.view_state import Connection, PopupState, ViewState
from shared.payloads import Associated, Color, LampConfig, Unassociated
from shared.trouble import Trouble

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
    assert (state.main.headline, state.main.lamp, state.dimmed) == ("LAMPI 0387", Lamp(), False)


@pytest.mark.parametrize(
    ("events", "connection", "words"),
    [
        ([], Connection.NONE, "No connection"),
        ([LinkChanged(True)], Connection.LOCAL_ONLY, "Waiting for the cloud"),
        ([LinkChanged(True), BridgeChanged(False)], Connection.LOCAL_ONLY, "Waiting for the cloud"),
        ([LinkChanged(True), BridgeChanged(True)], Connection.CLOUD, "Cloud connected"),
        (
            [LinkChanged(True), BridgeChanged(True), BridgeChanged(False)],
            Connection.LOCAL_ONLY,
            "Waiting for the cloud",
        ),
        ([LinkChanged(True), BridgeChanged(True), LinkChanged(False)], Connection.NONE, "No connection"),
        # What the bridge was before the link was lost says nothing about what it is now.
        (
            [LinkChanged(True), BridgeChanged(True), LinkChanged(False), LinkChanged(True)],
            Connection.LOCAL_ONLY,
            "Waiting for the cloud",
        ),
    ],
)
def test_the_connection(events: list[Event], connection: Connection, words: str) -> None:
    state = after(*events)
    assert (state.connection, state.connection_words) == (connection, words)


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
def test_associated_or_cleared_is_the_lamps_own_screen(association: Associated | None) -> None:
    assert after(AssociationChanged(Unassociated(CODE)), AssociationChanged(association)).popup is None


@pytest.mark.parametrize("lost", [LinkChanged(False), BridgeChanged(False)])
def test_the_code_stays_when_the_cloud_goes_away_and_the_popup_says_so(lost: Event) -> None:
    up: list[Event] = [LinkChanged(True), BridgeChanged(True), AssociationChanged(Unassociated(CODE))]
    popup = popup_after(*up, lost)
    assert popup.code_groups == ("b71", "e09")
    assert popup.hint == "Cloud unreachable. Please wait."


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


def test_what_was_asked_is_forgotten_with_the_connection() -> None:
    heard = LampChanged(LampConfig(Color(0.5, 1.0), 0.25, True, "web"))
    presenter = presenter_after(LinkChanged(True), heard, PowerPressed(), LinkChanged(False))
    assert presenter.view_state(START).main.lamp == Lamp()
    for event in (PowerPressed(), ControlMoved(Control.HUE, 0.1), LinkChanged(True), PowerPressed()):
        presenter.receive(event, START)
        assert presenter.take_request(START + 100) is None


def test_what_could_not_be_sent_is_taken_back_with_a_word() -> None:
    presenter = presenter_after(LinkChanged(True), LampChanged(LampConfig(on=True)), PowerPressed())
    assert presenter.take_request(START) is not None
    presenter.receive(RequestLost(), START)
    main = presenter.view_state(START).main
    assert (main.knowledge, main.lamp.on) == (Knowledge.UNANSWERED, True)
    assert main.notice == "The lamp did not answer. This is what it last reported."
    assert presenter.take_request(START + 1) is None


def test_a_request_looks_under_way_and_then_unanswered() -> None:
    presenter = presenter_after(LinkChanged(True), LampChanged(LampConfig(on=True)), PowerPressed())
    assert presenter.take_request(START) is not None
    pending = START + PENDING_SECONDS
    assert presenter.view_state(START).main.knowledge is Knowledge.KNOWN
    assert presenter.next_at(START) == pending
    main = presenter.view_state(pending).main
    assert (main.knowledge, main.power_words, main.notice) == (Knowledge.PENDING, "Off", "Waiting for the lamp…")
    end = START + ANSWER_SECONDS
    assert presenter.next_at(pending) == end
    main = presenter.view_state(end).main
    assert (main.knowledge, main.power_words) == (Knowledge.UNANSWERED, "On")
    presenter.receive(LampChanged(LampConfig(on=False)), end)
    assert presenter.view_state(end).main.knowledge is Knowledge.KNOWN


@pytest.mark.parametrize(
    ("events", "notice"),
    [
        ([], "Not connected to the lamp's own broker. It is tried every few seconds."),
        ([LinkChanged(True)], "The lamp's service has not reported yet."),
        ([LinkChanged(True), LampChanged(LampConfig(on=True))], ""),
        (
            [LinkChanged(True), BridgeChanged(True), LampChanged(LampConfig(on=True))],
            "The cloud has not said yet whose lamp this is.",
        ),
        (
            [
                LinkChanged(True),
                BridgeChanged(True),
                LampChanged(LampConfig(on=True)),
                AssociationChanged(Associated()),
            ],
            "",
        ),
        (
            [LinkChanged(True), BridgeChanged(True), LinkTroubled(Trouble.REFUSED)],
            "The lamp's broker does not let this screen listen. Check its access rules.",
        ),
        ([LinkTroubled(Trouble.TAKEN_OVER)], "Another screen seems to use this lamp's ID. Stop one of the two."),
        (
            [LinkTroubled(Trouble.TAKEN_OVER), LinkTroubled(None), LinkChanged(True), LampChanged(LampConfig(on=True))],
            "",
        ),
    ],
)
def test_one_sentence_says_what_is_missing(events: list[Event], notice: str) -> None:
    assert after(*events).main.notice == notice


def test_with_a_trouble_nothing_counts_as_connected() -> None:
    state = after(LinkChanged(True), BridgeChanged(True), LinkTroubled(Trouble.REFUSED))
    assert (state.connection, state.connection_words) == (Connection.NONE, "No connection")


@pytest.mark.parametrize(
    ("association", "headline", "named"),
    [
        (None, "LAMPI 0387", False),
        (Associated(), "LAMPI 0387", False),
        (Associated("Kitchen"), "Kitchen", True),
        (Associated(" Up\n\tstairs "), "Up stairs", True),
        (Associated("\x00"), "LAMPI 0387", False),
    ],
)
def test_the_headline_is_the_lamps_name(association: Associated | None, headline: str, named: bool) -> None:
    main = after(AssociationChanged(association)).main
    assert (main.headline, main.named, main.unnamed) == (headline, named, "LAMPI 0387")
    renamed = after(AssociationChanged(association), AssociationChanged(Associated("Attic")))
    assert (renamed.main.headline, renamed.confirmation) == ("Attic", None)


UP: list[Event] = [LinkChanged(True), BridgeChanged(True), AssociationChanged(None)]
"""A link over which something was heard before, so that the next code is a new one."""


def test_a_new_code_is_announced_before_the_old_one_lapses() -> None:
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
