"""The lamp's own screen: reports, requests, the headline, and the notice about what is missing."""

import pytest

from lamp_ui.core.events import (
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
)
from lamp_ui.core.lamp_control import ANSWER_SECONDS, PENDING_SECONDS, Control, Knowledge, Lamp
from lamp_ui.core.view_state import Reach
from shared.mqtt.trouble import Trouble
from shared.protocol.payloads import Associated, Color, LampConfig
from tests.support.presenting import START, after, presenter_after


def test_it_shows_the_report_and_requests_what_the_finger_sets() -> None:
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


def test_a_lost_connection_drops_the_requests() -> None:
    heard = LampChanged(LampConfig(Color(0.5, 1.0), 0.25, True, "web"))
    presenter = presenter_after(LinkChanged(True), heard, PowerPressed(), LinkChanged(False))
    assert presenter.view_state(START).main.lamp == Lamp()
    for event in (PowerPressed(), ControlMoved(Control.HUE, 0.1), LinkChanged(True), PowerPressed()):
        presenter.receive(event, START)
        assert presenter.take_request(START + 100) is None


def test_a_request_that_could_not_be_sent_is_undone_with_a_notice() -> None:
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


@pytest.mark.parametrize("trouble", Trouble)
def test_with_a_trouble_the_screen_is_as_without_a_connection(trouble: Trouble) -> None:
    up: list[Event] = [LinkChanged(True), BridgeChanged(True), LampChanged(LampConfig(Color(0.5, 1.0), 0.5, True))]
    presenter = presenter_after(*up, PowerPressed(), LinkTroubled(trouble))
    for event in (PowerPressed(), ControlMoved(Control.HUE, 0.1), ControlMoved(Control.BRIGHTNESS, 1.0)):
        presenter.receive(event, START)
        assert presenter.take_request(START + 100) is None
    state = presenter.view_state(START)
    assert (state.connection, state.connection_words) == (Reach.NONE, "No connection")
    assert (state.main.lamp, state.main.knowledge, state.main.power_words) == (Lamp(), Knowledge.UNKNOWN, "Unknown")
    presenter.receive(LinkTroubled(None), START)
    main = presenter.view_state(START).main
    assert (main.lamp, main.knowledge) == (Lamp(0.5, 1.0, 0.5, True), Knowledge.KNOWN)


def test_a_request_that_is_given_up_is_withdrawn_once() -> None:
    presenter = presenter_after(LinkChanged(True), LampChanged(LampConfig(on=True)), PowerPressed())
    assert presenter.take_request(START) is not None
    presenter.view_state(START + ANSWER_SECONDS - 0.1)
    assert not presenter.take_withdrawal()
    presenter.view_state(START + ANSWER_SECONDS)
    assert presenter.take_withdrawal()
    assert not presenter.take_withdrawal()


def test_a_slider_shows_its_request_while_it_is_unknown_whether_the_lamp_is_on() -> None:
    presenter = presenter_after(LinkChanged(True), LampChanged(LampConfig(brightness=0.5)))
    main = presenter.view_state(START).main
    notice = "The lamp has not reported yet whether it is on."
    assert (main.knowledge, main.power_words, main.notice) == (Knowledge.PARTIAL, "Unknown", notice)
    presenter.receive(ControlMoved(Control.BRIGHTNESS, 0.9), START)
    presenter.receive(ControlLetGo(Control.BRIGHTNESS), START)
    assert presenter.take_request(START) == LampConfig(brightness=0.9, client="lamp_ui")
    main = presenter.view_state(START + PENDING_SECONDS).main
    assert (main.knowledge, main.lamp, main.notice) == (
        Knowledge.PENDING,
        Lamp(brightness=0.9),
        "Waiting for the lamp…",
    )
    main = presenter.view_state(START + ANSWER_SECONDS).main
    assert (main.knowledge, main.lamp) == (Knowledge.UNANSWERED, Lamp(brightness=0.5))


@pytest.mark.parametrize(
    ("events", "notice"),
    [
        ([], "Not connected to the lamp's broker. Retrying."),
        ([LinkChanged(True)], "The lamp's service has not reported yet."),
        ([LinkChanged(True), LampChanged(LampConfig(on=True))], ""),
        (
            [LinkChanged(True), BridgeChanged(True), LampChanged(LampConfig(on=True))],
            "The cloud has not reported yet who owns this lamp.",
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
            "The broker refuses this screen. Tap the cross.",
        ),
        ([LinkTroubled(Trouble.TAKEN_OVER)], "Another screen seems to use this ID. Tap the cross."),
        (
            [LinkTroubled(Trouble.TAKEN_OVER), LinkTroubled(None), LinkChanged(True), LampChanged(LampConfig(on=True))],
            "",
        ),
    ],
)
def test_one_sentence_says_what_is_missing(events: list[Event], notice: str) -> None:
    assert after(*events).main.notice == notice


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
