"""The screen dims after a while without touch, but not under a finger."""

from datetime import UTC, datetime
from math import inf

from lamp_ui.events import FingerHeld, Touched
from lamp_ui.presenter import Presenter, Surroundings
from lamp_ui.status import About, MachineFacts

DIM_AFTER = 60


def presenter() -> Presenter:
    facts = MachineFacts((), datetime(2026, 1, 1, tzinfo=UTC))
    return Presenter(Surroundings(About("b827ebba0387", (), ""), str, lambda: facts, DIM_AFTER), 0)


def test_a_finger_that_is_down_keeps_the_screen_awake() -> None:
    screen = presenter()
    screen.receive(Touched(), 10)
    screen.receive(FingerHeld(True), 10)
    assert not screen.view_state(10 + 9 * DIM_AFTER).dimmed
    assert screen.next_at(10 + 9 * DIM_AFTER) == inf
    lifted_at = 10 + 10 * DIM_AFTER
    screen.receive(FingerHeld(False), lifted_at)
    assert screen.next_at(lifted_at) == lifted_at + DIM_AFTER
    assert not screen.view_state(lifted_at + DIM_AFTER - 1).dimmed
    assert screen.view_state(lifted_at + DIM_AFTER).dimmed
