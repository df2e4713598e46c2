"""The presenter after some events, without a screen."""

from datetime import UTC, datetime

from lamp_ui.core.events import Event
from lamp_ui.core.presenter import Environment, Presenter
from lamp_ui.core.status_page import About, MachineFacts
from lamp_ui.core.view_state import PopupState, ViewState

DEVICE_ID = "b827ebba0387"
CODE = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
START, DIM_AFTER = 1000.0, 60.0


def presenter_after(*events: Event) -> Presenter:
    """Return a presenter that has received events at `START`."""
    facts = MachineFacts(("192.168.1.17",), NOON)
    about = About(DEVICE_ID, ("LAMPI 1",), "localhost:1883")
    presenter = Presenter(Environment(about, str, lambda: facts, DIM_AFTER), START)
    for event in events:
        presenter.receive(event, START)
    return presenter


def after(*events: Event) -> ViewState:
    """Return what the screen shows after events."""
    return presenter_after(*events).view_state(START)


def popup_after(*events: Event) -> PopupState:
    """Return the popup after events."""
    popup = after(*events).popup
    assert popup is not None
    return popup
