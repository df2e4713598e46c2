"""The root widget: renders view states, and emits touch events."""

import time
from typing import Any

from kivy.graphics import Color, Rectangle
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from lamp_ui.core.events import FingerHeld, StatusAsked, Touched
from lamp_ui.core.one_finger import Down, OneFinger
from lamp_ui.core.view_state import ViewState
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import place_mark, unit_of
from lamp_ui.view.reset_screen import ResetScreen
from lamp_ui.view.screens import ConfirmationScreen, MainScreen, PopupScreen, Screen
from lamp_ui.view.status_screen import StatusScreen
from lamp_ui.view.widgets import ConnectionMark, Emit, put


class LampView(Widget):
    """One screen at a time, the connection mark above it, and a veil over both while the screen is dimmed.

    Not Kivy's popup: it would have to be opened and dismissed, and such an event can be missed. Here the state names
    the screen to show. A hidden screen gets no touches, and releases the finger that was on it.
    """

    def __init__(self, emit: Emit, *, motion: bool, veil: bool, **properties: Any) -> None:
        super().__init__(**properties)
        self._emit = emit
        self._main = MainScreen(emit)
        self._popup = PopupScreen(motion)
        self._confirmation = ConfirmationScreen()
        self._status = StatusScreen(emit)
        self._reset = ResetScreen(emit)
        self._mark = ConnectionMark(lambda: emit(StatusAsked()))
        self._finger = OneFinger()
        self._veiled = veil
        self._dimmed = False
        self._screen: Screen = self._main
        self.add_widget(self._main)
        self.add_widget(self._mark)
        with self.canvas.after:
            self._veil_tint = Color(rgba=(0, 0, 0, 0))
            self._veil = Rectangle()
        self.fbind("size", self._place)

    def render(self, state: ViewState) -> None:
        """Show a state, independently of what was shown before."""
        self._mark.connection = state.connection
        if state.popup is None:
            self._popup.forget()
        else:
            self._popup.render(state.popup, state.connection)
        if state.reset is not None:
            self._reset.render(state.reset)
            self._show(self._reset)
        elif state.status is not None:
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
        """Pass the touch on to the screen, unless it woke the screen or is a mouse wheel, which is a touch to Kivy."""
        self._emit(Touched())
        if touch.is_mouse_scrolling:
            return True
        unit = unit_of(*self.size)
        down = Down(touch.uid, touch.device, touch.x / unit, touch.y / unit)
        if not self._finger.takes(down, time.monotonic()):
            return True
        self._emit(FingerHeld(True))
        self._release()  # a finger that this one replaces
        return self._dimmed or bool(super().on_touch_down(touch))

    def on_touch_move(self, touch: MotionEvent) -> bool:
        """Record the movement; the widget under the finger has grabbed the touch."""
        self._finger.moved(touch.uid, time.monotonic())
        return False

    def on_touch_up(self, touch: MotionEvent) -> bool:
        """Record the end of the touch; the widget under the finger has grabbed it."""
        if self._finger.lifted(touch.uid, time.monotonic()):
            self._emit(FingerHeld(False))
        return False

    def _show(self, screen: Screen) -> None:
        if screen is not self._screen:
            self._release()
            self.remove_widget(self._screen)
            self._screen = screen
            self._place()
            self.add_widget(screen, index=len(self.children))

    def _release(self) -> None:
        self._screen.release()
        self._mark.release()

    def _place(self, *_: object) -> None:
        self._screen.size = self.size
        self._veil.size = self.size
        self._mark.radius = 6.5 * unit_of(*self.size)
        put(self._mark, place_mark(*self.size))
