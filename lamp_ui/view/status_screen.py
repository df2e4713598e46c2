"""The status page's widgets."""

from typing import Any

from lamp_ui.core.events import ResetHeld, StatusLeft
from lamp_ui.core.view_state import StatusPage, StatusRow
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import place_status
from lamp_ui.view.buttons import HoldButton, WordButton
from lamp_ui.view.labels import FittedLabel
from lamp_ui.view.screens import Screen
from lamp_ui.view.widgets import Emit, put

HOLD_SECONDS = 5.0


class StatusScreen(Screen):
    """The status page: what is wrong, names and values, a button that closes it, and one that is held for a reset."""

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        self._title = FittedLabel(color=theme.TITLE, bold=True, halign="left")
        self._close = WordButton(lambda: emit(StatusLeft()))
        self._hold = HoldButton(lambda: emit(ResetHeld()), HOLD_SECONDS)
        self._advice = FittedLabel(color=theme.CODE, halign="left")
        self._rows: tuple[StatusRow, ...] = ()
        self._cells: list[tuple[FittedLabel, FittedLabel]] = []
        for widget in (self._title, self._close, self._advice):
            self.add_widget(widget)

    def render(self, state: StatusPage) -> None:
        self._title.text, self._close.words.text, self._advice.text = state.title, state.close_words, state.advice
        if state.reset is None:
            self._hold.release()
            self.remove_widget(self._hold)
        else:
            self._hold.say(state.reset.free, state.reset.held)
            if self._hold.parent is None:
                self.add_widget(self._hold)
        self._have(len(state.rows))
        self._rows = state.rows
        self.place()

    def place(self) -> None:
        unit = self.unit
        lines = [1 + row.value.count("\n") for row in self._rows]
        layout = place_status(self.width, self.height, lines, hold=self._hold.parent is not None)
        between = "\n" if self.height >= self.width else ", "
        self._title.largest, self._advice.largest = 20 * unit, 17 * unit
        put(self._title, layout.title)
        put(self._close, layout.close)
        put(self._advice, layout.advice)
        if layout.hold is not None:
            put(self._hold, layout.hold)
        for (name, value), row, (left, right) in zip(self._cells, self._rows, layout.rows, strict=True):
            name.text, value.text = row.name, between.join(row.value.splitlines())
            name.largest, value.largest = 17 * unit, 15 * unit
            put(name, left)
            put(value, right)

    def _have(self, count: int) -> None:
        while len(self._cells) < count:
            cells = FittedLabel(color=theme.QUIET_TEXT, halign="left"), FittedLabel(color=theme.TEXT, halign="left")
            for cell in cells:
                self.add_widget(cell)
            self._cells.append(cells)
