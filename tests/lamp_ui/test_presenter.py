"""What the screen says, without a screen."""

import subprocess
import sys
from typing import cast

import pytest

from lamp_ui.events import AssociationChanged, BridgeChanged, Event, LinkChanged
from lamp_ui.presenter import Connection, PopupState, Presenter, ViewState
from shared.payloads import Associated, Unassociated

DEVICE_ID = "b827ebba0387"
CODE = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"
ACCOUNT = "Enter this code in your LAMPI account to make this lamp yours."


def after(*events: Event) -> ViewState:
    presenter = Presenter(DEVICE_ID)
    for event in events:
        presenter.receive(event)
    return presenter.view_state


def popup_after(*events: Event) -> PopupState:
    popup = after(*events).popup
    assert popup is not None
    return popup


def instruction_for(url: str | None) -> str:
    return popup_after(AssociationChanged(Unassociated(CODE, url))).instruction


def test_before_anything_is_known_it_is_the_lamps_own_screen() -> None:
    assert after() == ViewState(DEVICE_ID, Connection.NONE, "No connection", None)


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
    assert popup == PopupState("Associate your Lamp", ("b71", "e09"), ACCOUNT, "Cloud connected")


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


def test_the_address_is_shown_as_one_types_it() -> None:
    shown = "Go to lamps.example.com/claim and enter this code to make this lamp yours."
    assert instruction_for(f"https://lamps.example.com/claim/?code={CODE}#top") == shown
    assert instruction_for("http://lamps.example.com/claim") == shown


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "not an address",
        "javascript:alert(1)",
        "https://",
        "https://[broken",
        f"https://lamps.example.com/claim/{CODE}",
        "https://lämpchen.example/",
        "https://a b.example/",
        "https://a\x7f.example/",
    ],
)
def test_an_address_that_nobody_could_type_is_left_out(url: str | None) -> None:
    assert instruction_for(url) == ACCOUNT


def test_no_code_in_what_a_log_could_say() -> None:
    event = AssociationChanged(Unassociated(CODE, f"https://a.example/{CODE}"))
    shown = repr(popup_after(event)) + repr(after(event))
    assert "b71" not in shown
    assert "b71" not in repr(AssociationChanged(Unassociated(CODE)))


def test_what_is_no_event_is_a_fault_of_the_program() -> None:
    with pytest.raises(AssertionError):
        Presenter(DEVICE_ID).receive(cast("Event", "news"))


def test_it_knows_neither_kivy_nor_mqtt() -> None:
    look = "import sys, lamp_ui.presenter; print(sorted({'kivy', 'paho', 'shared.mqtt'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "[]\n"
