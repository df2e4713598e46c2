"""The status page's widgets."""

from collections.abc import Callable
from typing import Any

from kivy.graphics import Color, Line, RoundedRectangle

from lamp_ui.core.events import StatusLeft
from lamp_ui.core.view_state import StatusPage, StatusRow
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import FINGER, Box, place_status
from lamp_ui.view.labels import FittedLabel
from lamp_ui.view.screens import Screen
from lamp_ui.view.tappable import Tappable
from lamp_ui.view.widgets import Emit, put


class CloseButton(Tappable):
    """A button with a label; its touch area is larger than its visible area."""

    def __init__(self, on_tap: Callable[[], None], **properties: Any) -> None:
        super().__init__(on_tap, **properties)
        self.words = FittedLabel(color=theme.TITLE, bold=True)
        with self.canvas.before:
            self._tint = Color(rgba=theme.CARD)
            self._ground = RoundedRectangle()
            Color(rgba=theme.CARD_EDGE)
            self._edge = Line()
        self.add_widget(self.words)
        for name in ("pos", "size", "pressed"):
            self.fbind(name, self._place)

    def _place(self, *_: object) -> None:
        unit = self.height / FINGER
        box = Box(self.x, self.y + 5 * unit, self.width, self.height - 10 * unit)
        self._tint.rgba = theme.CARD_EDGE if self.pressed else theme.CARD
        self._ground.pos, self._ground.size, self._ground.radius = (box.x, box.y), (box.width, box.height), [9 * unit]
        self._edge.rounded_rectangle = (box.x, box.y, box.width, box.height, 9 * unit)
        self.words.largest = 17 * unit
        put(self.words, box)


class StatusScreen(Screen):
    """The status page: what is wrong, names and values, and a button that closes it."""

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        self._title = FittedLabel(color=theme.TITLE, bold=True, halign="left")
        self._close = CloseButton(lambda: emit(StatusLeft()))
        self._advice = FittedLabel(color=theme.CODE, halign="left")
        self._rows: tuple[StatusRow, ...] = ()
        self._cells: list[tuple[FittedLabel, FittedLabel]] = []
        for widget in (self._title, self._close, self._advice):
            self.add_widget(widget)

    def render(self, state: StatusPage) -> None:
        self._title.text, self._close.words.text, self._advice.text = state.title, state.close_words, state.advice
        self._have(len(state.rows))
        self._rows = state.rows
        self.place()

    def place(self) -> None:
        unit = self.unit
        layout = place_status(self.width, self.height, [1 + row.value.count("\n") for row in self._rows])
        between = "\n" if self.height >= self.width else ", "
        self._title.largest, self._advice.largest = 20 * unit, 17 * unit
        put(self._title, layout.title)
        put(self._close, layout.close)
        put(self._advice, layout.advice)
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
