"""The widgets of the dialog for a reset."""

from typing import Any

from lamp_ui.core.events import ResetConfirmed, ResetLeft
from lamp_ui.core.view_state import ResetPage
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import place_dialog
from lamp_ui.view.buttons import WordButton
from lamp_ui.view.labels import FittedLabel
from lamp_ui.view.screens import Screen
from lamp_ui.view.widgets import Emit, put


class ResetScreen(Screen):
    """The dialog: what will happen, a button that confirms it, and one that closes the dialog."""

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        self._title = FittedLabel(color=theme.TITLE, bold=True, halign="left")
        self._words = FittedLabel(color=theme.TEXT)
        self._confirm = WordButton(lambda: emit(ResetConfirmed()))
        self._close = WordButton(lambda: emit(ResetLeft()))
        for widget in (self._title, self._words, self._close):
            self.add_widget(widget)

    def render(self, state: ResetPage) -> None:
        self._title.text, self._words.text, self._close.words.text = state.title, state.words, state.close_words
        if state.confirm_words is None:
            self._confirm.release()
            self.remove_widget(self._confirm)
        else:
            self._confirm.words.text = state.confirm_words
            if self._confirm.parent is None:
                self.add_widget(self._confirm)

    def place(self) -> None:
        layout, unit = place_dialog(*self.size), self.unit
        self._title.largest, self._words.largest = 20 * unit, 19 * unit
        put(self._title, layout.title)
        put(self._words, layout.words)
        put(self._confirm, layout.confirm)
        put(self._close, layout.close)
