"""Everything on the screen: shows a view state, as often as one likes, and says what the finger does."""

from typing import Any

from kivy.clock import Clock
from kivy.graphics import Color, Rectangle
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from lamp_ui import theme
from lamp_ui.events import StatusAsked, Touched
from lamp_ui.layout import place_mark, unit_of
from lamp_ui.screens import ConfirmationScreen, MainScreen, PopupScreen, Screen, StatusScreen
from lamp_ui.view_state import ViewState
from lamp_ui.widgets import ConnectionMark, Emit, put

LONG_PRESS_SECONDS = 0.7


class LampView(Widget):
    """One screen at a time, the connection's mark above it, and over all the veil of a screen that rests.

    No Kivy popup: it would have to be opened and dismissed, and what is an edge can be missed. Here
    a state says which screen is there, and a screen that is not there gets no touch.
    """

    def __init__(self, emit: Emit, *, motion: bool, veil: bool, **properties: Any) -> None:
        super().__init__(**properties)
        self._emit = emit
        self._main = MainScreen(emit)
        self._popup = PopupScreen(motion)
        self._confirmation = ConfirmationScreen()
        self._status = StatusScreen(emit)
        self._mark = ConnectionMark()
        self._veiled = veil
        self._dimmed = False
        self._screen: Screen = self._main
        self._held_long = Clock.create_trigger(self._ask_for_status, LONG_PRESS_SECONDS)
        self.add_widget(self._main)
        self.add_widget(self._mark)
        with self.canvas.after:
            self._veil_tint = Color(rgba=(0, 0, 0, 0))
            self._veil = Rectangle()
        self.fbind("size", self._place)

    def render(self, state: ViewState) -> None:
        """Make the screen show a state, whatever it showed before."""
        self._mark.connection = state.connection
        if state.popup is None:
            self._popup.forget()
        else:
            self._popup.render(state.popup, state.connection)
        if state.status is not None:
            self._status.render(state.status)
            self._show(self._status)
        elif state.confirmation is not None:
            self._confirmation.render(state.confirmation)
            self._show(self._confirmation)
        elif state.popup is not None:
            self._show(self._popup)
        else:
            self._main.render(state.main, state.connection_words)
            self._show(self._main)
        self._dimmed = state.dimmed
        self._veil_tint.rgba = theme.DIMMED if state.dimmed and self._veiled else (0, 0, 0, 0)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Give the touch to whom it is meant for.

        That which wakes the screen is for nobody else; neither is a mouse's wheel, to Kivy a touch like any other.
        """
        self._emit(Touched())
        if self._dimmed or touch.is_mouse_scrolling:
            return True
        if self._mark.collide_point(*touch.pos):
            touch.grab(self)
            self._held_long()
            return True
        return bool(self._screen.dispatch("on_touch_down", touch))

    def on_touch_up(self, touch: MotionEvent) -> bool:
        """End what a finger on the mark began."""
        if touch.grab_current is self:
            touch.ungrab(self)
            self._held_long.cancel()
            return True
        return False

    def _ask_for_status(self, _seconds: float) -> None:
        self._emit(StatusAsked())

    def _show(self, screen: Screen) -> None:
        if screen is not self._screen:
            self.remove_widget(self._screen)
            self._screen = screen
            self._place()
            self.add_widget(screen, index=len(self.children))

    def _place(self, *_: object) -> None:
        self._screen.size = self.size
        self._veil.size = self.size
        self._mark.radius = 6.5 * unit_of(*self.size)
        put(self._mark, place_mark(*self.size))
