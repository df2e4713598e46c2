"""The screens, each filling the window: they show their part of a view state, wherever it comes from."""

from collections.abc import Sequence
from typing import Any

from kivy.graphics import Color, Line, Rectangle, RoundedRectangle, SmoothLine
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from lamp_ui import theme
from lamp_ui.beacon import Beacon
from lamp_ui.code_layout import lay_out_code
from lamp_ui.controls import PowerButton, TrackSlider
from lamp_ui.events import StatusLeft
from lamp_ui.lamp import Control
from lamp_ui.layout import Box, place_main, place_popup, place_status, unit_of
from lamp_ui.qr import qr_modules
from lamp_ui.view_state import Connection, LampScreen, PopupState, StatusPage
from lamp_ui.widgets import CODE_FONT, CodeView, Emit, FittedLabel, QrView, glow_texture, put

_LINE = 1.25
"""How high a line of a value on the status page is, where its name is 1."""


class Screen(Widget):
    """A ground that fills the window; subclasses place what is on it."""

    ground = theme.NIGHT

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        with self.canvas.before:
            Color(rgba=self.ground)
            self._ground = Rectangle()
        self.fbind("size", self._resize)

    @property
    def unit(self) -> float:
        """How many pixels make one of the lamp's own screen."""
        return unit_of(*self.size)

    def place(self) -> None:
        """Put everything in its place, for the present size."""

    def _resize(self, *_: object) -> None:
        self._ground.size = self.size
        self.place()


class MainScreen(Screen):
    """The lamp's own screen: the lamp as a switch, three sliders, and which lamp this is."""

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        with self.canvas.before:
            self._wash_tint = Color(rgba=(0, 0, 0, 0))
            self._wash = Rectangle(texture=glow_texture())
        self._device_id = FittedLabel(font_name=CODE_FONT, color=theme.DEVICE_ID, halign="left")
        self._connection = FittedLabel(color=theme.TEXT, halign="left")
        self._power = PowerButton(emit)
        self._sliders = {control: TrackSlider(control, emit) for control in Control}
        for widget in (self._power, *self._sliders.values(), self._device_id, self._connection):
            self.add_widget(widget)

    def render(self, state: LampScreen, connection_words: str) -> None:
        """Show what the lamp shows."""
        lamp = state.lamp
        self._device_id.text = state.device_id
        self._connection.text = connection_words
        self._power.render(lamp, state.power_words)
        for control, slider in self._sliders.items():
            slider.render(lamp, state.control_words[control])
        self._wash_tint.rgba = theme.wash(lamp.hue, lamp.saturation, lamp.brightness, lamp.on)

    def place(self) -> None:
        """Put everything in its place."""
        layout, unit = place_main(*self.size), self.unit
        self._device_id.largest, self._connection.largest = 17 * unit, 14 * unit
        self._power.unit = unit
        put(self._device_id, layout.device_id)
        put(self._connection, layout.connection)
        put(self._power, layout.power)
        for slider, box in zip(self._sliders.values(), layout.sliders, strict=True):
            slider.unit = unit
            put(slider, box)
        reach = 1.7 * max(self.size)
        self._wash.size = reach, reach
        self._wash.pos = self._power.center_x - reach / 2, self._power.center_y - reach / 2


class PopupScreen(Screen):
    """What a lamp that nobody owns shows until somebody does: the code, what to do with it, and a QR code."""

    ground = theme.CARD

    def __init__(self, motion: bool, **properties: Any) -> None:
        super().__init__(**properties)
        self._beacon = Beacon(breathes=motion)
        self.add_widget(self._beacon)
        with self.canvas:
            Color(rgba=theme.WELL)
            self._well = RoundedRectangle()
        self._title = FittedLabel(color=theme.TITLE, bold=True, halign="left")
        self._code = CodeView(fades=motion)
        self._instruction = FittedLabel(color=theme.TEXT)
        self._qr = QrView()
        self._connection = FittedLabel(color=theme.TEXT)
        for widget in (self._title, self._code, self._instruction, self._qr, self._connection):
            self.add_widget(widget)

    def render(self, state: PopupState, connection: Connection) -> None:
        """Show what the state says, whether or not the popup can be seen."""
        self._title.text = state.title
        self._beacon.lit = state.identified
        self._instruction.text = state.instruction
        self._connection.text = state.connection_words
        self._connection.color = theme.TEXT if connection is Connection.CLOUD else theme.LOCAL_ONLY
        self._qr.modules = () if state.scanned_address is None else qr_modules(state.scanned_address)
        groups = list(state.code_groups)
        if groups != self._code.groups:
            self._code.show(groups)
        self.place()

    def forget(self) -> None:
        """Show no code, so that the next one does not fade in for one long gone; and no light."""
        self._code.show([])
        self._beacon.lit = False

    def place(self) -> None:
        """Put everything in its place."""
        unit, groups = self.unit, max(1, len(self._code.groups))
        layout = place_popup(self.width, self.height, groups, len(self._qr.modules))
        self._beacon.size = self.size
        aside = layout.qr is not None and self.width > self.height
        self._instruction.halign = self._connection.halign = "left" if aside else "center"
        put(self._title, layout.title)
        well, inset = layout.code, 6 * unit
        self._well.pos, self._well.size, self._well.radius = (well.x, well.y), (well.width, well.height), [9 * unit]
        self._code.pos = well.x + inset, well.y + inset / 2
        self._code.size = well.width - 2 * inset, well.height - inset
        code = lay_out_code(groups, max(map(len, self._code.groups), default=1), *self._code.size).font_size
        # The code is the largest thing on the screen, however long it is.
        self._title.largest = min(20 * unit, 0.95 * code)
        self._instruction.largest = min((20 if layout.qr is None else 16) * unit, 0.9 * code)
        self._connection.largest = 15 * unit
        put(self._instruction, layout.instruction)
        put(self._connection, layout.connection)
        if layout.qr is not None:
            put(self._qr, layout.qr)


class ConfirmationScreen(Screen):
    """A short, warm word when a lamp has become somebody's."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._words = FittedLabel(color=theme.TITLE, bold=True)
        self.add_widget(self._words)
        with self.canvas.before:
            Color(rgba=theme.CONFIRMATION_GLOW)
            self._light = Rectangle(texture=glow_texture())
            Color(rgba=theme.CODE)
            self._check = SmoothLine(cap="round", joint="round")
            self._ring = SmoothLine()

    def render(self, words: str) -> None:
        """Show the words."""
        self._words.text = words

    def place(self) -> None:
        """Put everything in its place."""
        unit = self.unit
        x, y, radius = self.center_x, self.height * 0.58, 44 * unit
        reach = 1.15 * max(self.size)
        self._light.size, self._light.pos = (reach, reach), (x - reach / 2, y - reach / 2)
        self._ring.circle, self._ring.width = (x, y, radius), 2.2 * unit
        self._check.points = [
            *(x - 0.42 * radius, y - 0.02 * radius),
            *(x - 0.1 * radius, y - 0.34 * radius),
            *(x + 0.46 * radius, y + 0.34 * radius),
        ]
        self._check.width = 3 * unit
        self._words.largest = 28 * unit
        self._words.size = self.width - 24 * unit, 44 * unit
        self._words.pos = 12 * unit, y - radius - 62 * unit


class StatusScreen(Screen):
    """The status page: names and values, and a button that closes it."""

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        self._emit = emit
        self._title = FittedLabel(color=theme.TITLE, bold=True, halign="left")
        self._close = FittedLabel(color=theme.TITLE, bold=True)
        self._cells: list[tuple[FittedLabel, FittedLabel]] = []
        with self.canvas.before:
            Color(rgba=theme.CARD)
            self._button = RoundedRectangle()
            Color(rgba=theme.CARD_EDGE)
            self._edge = Line()
        self.add_widget(self._title)
        self.add_widget(self._close)

    def render(self, state: StatusPage) -> None:
        """Show the page."""
        self._title.text, self._close.text = state.title, state.close_words
        self._have(len(state.rows))
        for (name, value), row in zip(self._cells, state.rows, strict=True):
            name.text, value.text = row.name, row.value
        self.place()

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Close at a touch of the button."""
        if self._close.collide_point(*touch.pos):
            self._emit(StatusLeft())
        return True

    def place(self) -> None:
        """Put everything in its place."""
        unit = self.unit
        layout = place_status(self.width, self.height, self._weights())
        self._title.largest, self._close.largest = 20 * unit, 16 * unit
        put(self._title, layout.title)
        put(self._close, layout.close)
        inset = 5 * unit  # the finger may miss what the eye sees
        box = Box(layout.close.x, layout.close.y + inset, layout.close.width, layout.close.height - 2 * inset)
        self._button.pos, self._button.size, self._button.radius = (box.x, box.y), (box.width, box.height), [9 * unit]
        self._edge.rounded_rectangle = (box.x, box.y, box.width, box.height, 9 * unit)
        for (name, value), row in zip(self._cells, layout.rows, strict=True):
            name.largest, value.largest = 13 * unit, 16 * unit
            above, below = row.rows(1, _lines_of(value))
            put(name, above)
            put(value, below)

    def _weights(self) -> Sequence[float]:
        return [1 + _lines_of(value) for _, value in self._cells]

    def _have(self, count: int) -> None:
        while len(self._cells) < count:
            cells = FittedLabel(color=theme.QUIET_TEXT, halign="left"), FittedLabel(color=theme.TEXT, halign="left")
            for cell in cells:
                self.add_widget(cell)
            self._cells.append(cells)


def _lines_of(value: FittedLabel) -> float:
    return _LINE * (1 + int(value.text.count("\n")))
