"""The screens: they show a view state, as often as one likes, and know nothing of where it comes from."""

from pathlib import Path

from kivy.lang import Builder
from kivy.properties import (
    BooleanProperty,
    ListProperty,
    NumericProperty,
    ObjectProperty,
    OptionProperty,
    StringProperty,
)
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.modalview import ModalView

from lamp_ui import widgets
from lamp_ui.presenter import Connection, PopupState, ViewState

__all__ = ["LampView", "widgets"]  # the layout in lamp.kv names the widgets

_LAYOUT = Path(__file__).with_name("lamp.kv")
_NARROW_SIDE, _WIDE_SIDE = 240, 320


class ConnectionLine(FloatLayout):
    """The connection, by its mark and in words."""

    connection = ObjectProperty(Connection.NONE)
    words = StringProperty()
    largest = NumericProperty(16)
    align = OptionProperty("center", options=("left", "center"))


class MainScreen(BoxLayout):
    """The lamp's own screen: which lamp this is and whether the cloud is connected."""

    unit = NumericProperty(1)
    upright = BooleanProperty(True)
    align = OptionProperty("center", options=("left", "center"))
    device_id = StringProperty()
    connection = ObjectProperty(Connection.NONE)
    connection_words = StringProperty()

    def on_size(self, *_: object) -> None:
        """Keep to the window."""
        self.unit = unit(self.width, self.height)


class AssociatePopup(ModalView):
    """What a lamp that nobody owns shows over its screen until somebody does."""

    unit = NumericProperty(1)
    outer_width = NumericProperty(_NARROW_SIDE)
    outer_height = NumericProperty(_WIDE_SIDE)
    title = StringProperty()
    code_groups = ListProperty()
    instruction = StringProperty()
    connection = ObjectProperty(Connection.NONE)
    connection_words = StringProperty()

    def render(self, state: PopupState, connection: Connection) -> None:
        """Show what the state says; the popup itself need not be open."""
        self.title = state.title
        self.code_groups = list(state.code_groups)
        self.instruction = state.instruction
        self.connection = connection
        self.connection_words = state.connection_words


class LampView:
    """Everything on the screen."""

    def __init__(self) -> None:
        Builder.load_file(str(_LAYOUT))
        self.root = MainScreen()
        self._popup = AssociatePopup()
        self.root.bind(size=self._fit_popup)

    def render(self, state: ViewState) -> None:
        """Make the screen show a state, whatever it showed before.

        Without animations: Kivy ignores `open` while a popup is still fading out, and the code
        would never come back.
        """
        self.root.device_id = state.device_id
        self.root.connection = state.connection
        self.root.connection_words = state.connection_words
        if state.popup is None:
            self._popup.dismiss(animation=False)
        else:
            self._popup.render(state.popup, state.connection)
            self._popup.open(animation=False)

    def _fit_popup(self, _root: MainScreen, size: tuple[float, float]) -> None:
        self._popup.outer_width, self._popup.outer_height = size
        self._popup.unit = unit(*size)


def unit(width: float, height: float) -> float:
    """Return how many pixels of this window make one of the lamp's own screen, whichever way it is turned."""
    return min(min(width, height) / _NARROW_SIDE, max(width, height) / _WIDE_SIDE)
