"""When the screen says that this is the lamp, without a screen."""

from lamp_ui.core.identify import LONGEST_SECONDS, Identify
from shared.protocol.payloads import Associated, Unassociated

CODE = "b71e0942" * 4
WAITING = Unassociated(CODE)
ASKED = Unassociated(CODE, identify="2026-01-01T00:00:00Z")
ASKED_AGAIN = Unassociated(CODE, identify="2026-01-01T00:01:00Z")


def test_a_new_request_is_shown_for_some_seconds_at_most() -> None:
    identify = Identify()
    assert not identify.receive(None, WAITING, 0.0)
    assert identify.receive(WAITING, ASKED, 10.0)
    assert identify.shown(10.0 + LONGEST_SECONDS - 0.1)
    assert identify.next_at(10.0) == 10.0 + LONGEST_SECONDS
    assert not identify.shown(10.0 + LONGEST_SECONDS)


def test_the_same_request_is_shown_once_and_the_next_one_again() -> None:
    identify = Identify()
    assert identify.receive(WAITING, ASKED, 0.0)
    assert not identify.receive(ASKED, ASKED, 20.0)
    assert not identify.shown(20.0)
    assert identify.receive(ASKED, ASKED_AGAIN, 21.0)


def test_a_request_found_at_the_start_may_be_old() -> None:
    identify = Identify()
    assert not identify.receive(None, ASKED, 0.0)
    assert not identify.shown(0.0)


def test_it_ends_with_the_message() -> None:
    identify = Identify()
    identify.receive(WAITING, ASKED, 0.0)
    assert not identify.receive(ASKED, Associated(), 1.0)
    assert not identify.shown(1.0)
