"""The screens: each fills the window and renders its part of a view state."""

from typing import Any

from kivy.graphics import Color, Rectangle, RoundedRectangle, SmoothLine
from kivy.uix.widget import Widget

from lamp_ui.core.lamp_control import Control, Knowledge
from lamp_ui.core.view_state import LampScreen, PopupState, Reach
from lamp_ui.geometry import theme
from lamp_ui.geometry.code_layout import lay_out_code
from lamp_ui.geometry.layout import place_main, place_popup, unit_of
from lamp_ui.geometry.qr import qr_modules
from lamp_ui.view.beacon import Beacon
from lamp_ui.view.controls import PowerButton, TrackSlider
from lamp_ui.view.labels import Badge, FittedLabel, NameLabel
from lamp_ui.view.tappable import Tappable
from lamp_ui.view.widgets import CodeView, Emit, QrView, glow_texture, put


class Screen(Widget):
    """A background that fills the window; subclasses place widgets on it."""

    ground = theme.NIGHT

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        with self.canvas.before:
            Color(rgba=self.ground)
            self._ground = Rectangle()
        self.fbind("size", self._resize)

    @property
    def unit(self) -> float:
        """Pixels per unit; see `lamp_ui.geometry.layout`."""
        return unit_of(*self.size)

    def place(self) -> None:
        """Place all widgets for the current size."""

    def release(self) -> None:
        """Release a finger that is on a widget, without acting."""
        for widget in self.children:
            if isinstance(widget, Tappable | TrackSlider):
                widget.release()

    def _resize(self, *_: object) -> None:
        self._ground.size = self.size
        self.place()


class MainScreen(Screen):
    """The lamp's own screen: headline, a disc that switches the lamp, and three sliders."""

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        with self.canvas.before:
            self._wash_tint = Color(rgba=(0, 0, 0, 0))
            self._wash = Rectangle(texture=glow_texture())
        self._headline = NameLabel()
        self._connection = FittedLabel(color=theme.TEXT, halign="left")
        self._power = PowerButton(emit)
        self._words = FittedLabel(color=theme.TITLE, bold=True)
        self._notice = FittedLabel(color=theme.LOCAL_ONLY)
        self._sliders = {control: TrackSlider(control, emit) for control in Control}
        labels = self._words, self._notice, self._headline, self._connection
        for widget in (self._power, *self._sliders.values(), *labels):
            self.add_widget(widget)

    def render(self, state: LampScreen, connection_words: str) -> None:
        lamp = state.lamp
        self._headline.name, self._headline.instead = state.headline, state.unnamed
        self._headline.color = theme.TITLE if state.named else theme.DEVICE_ID
        self._connection.text = connection_words
        self._power.render(lamp, state.knowledge)
        self._words.text, self._notice.text = state.power_words, state.notice
        self._notice.color = theme.TEXT if state.knowledge is Knowledge.PENDING else theme.LOCAL_ONLY
        for control, slider in self._sliders.items():
            slider.render(lamp, state.control_words[control])
        hue, saturation, brightness = lamp.hue or 0.0, lamp.saturation or 0.0, lamp.brightness or 0.0
        self._wash_tint.rgba = theme.wash(hue, saturation, brightness, bool(lamp.on))

    def place(self) -> None:
        layout, unit = place_main(*self.size), self.unit
        self._headline.largest, self._connection.largest = 19 * unit, 14 * unit
        self._words.largest, self._notice.largest = 22 * unit, 14 * unit
        self._words.halign = self._notice.halign = "left" if self.height >= self.width else "center"
        self._power.unit = unit
        put(self._headline, layout.headline)
        put(self._connection, layout.connection)
        put(self._power, layout.power)
        put(self._words, layout.words)
        put(self._notice, layout.notice)
        for slider, box in zip(self._sliders.values(), layout.sliders, strict=True):
            slider.unit = unit
            put(slider, box)
        reach = 1.7 * max(self.size)
        self._wash.size = reach, reach
        self._wash.pos = self._power.center_x - reach / 2, self._power.center_y - reach / 2


class PopupScreen(Screen):
    """The popup of an unclaimed lamp: the code, what to do with it, and a QR code."""

    ground = theme.CARD

    def __init__(self, motion: bool, **properties: Any) -> None:
        super().__init__(**properties)
        self._beacon = Beacon(pulses=motion)
        self.add_widget(self._beacon)
        with self.canvas:
            Color(rgba=theme.WELL)
            self._well = RoundedRectangle()
        self._title = FittedLabel(color=theme.TITLE, bold=True, halign="left")
        self._code = CodeView(fades=motion)
        self._instruction = FittedLabel(color=theme.TEXT)
        self._qr = QrView()
        self._identity = Badge()
        self._hint = FittedLabel(color=theme.TEXT)
        for widget in (self._title, self._code, self._instruction, self._qr, self._identity, self._hint):
            self.add_widget(widget)

    def render(self, state: PopupState, connection: Reach) -> None:
        """Render the state, whether or not the popup is visible."""
        self._title.text = state.title
        self._beacon.lit = state.identified
        self._instruction.text = state.instruction
        self._identity.text, self._identity.lit = state.identity, state.identified
        self._hint.text = state.hint
        self._hint.color = theme.TEXT if connection is Reach.CLOUD else theme.LOCAL_ONLY
        self._qr.modules = () if state.scanned_address is None else qr_modules(state.scanned_address)
        groups = list(state.code_groups)
        if groups != self._code.groups:
            self._code.show(groups)
        self.place()

    def forget(self) -> None:
        """Clear the code, so that the next one does not fade in from an old one, and switch the light off."""
        self._code.show([])
        self._beacon.lit = False

    def place(self) -> None:
        unit, groups = self.unit, max(1, len(self._code.groups))
        layout = place_popup(self.width, self.height, groups, len(self._qr.modules))
        self._beacon.size = self.size
        aside = layout.qr is not None and self.width > self.height
        for label in (self._instruction, self._hint):
            label.halign = "left" if aside else "center"
        put(self._title, layout.title)
        well, inset = layout.code, 6 * unit
        self._well.pos, self._well.size, self._well.radius = (well.x, well.y), (well.width, well.height), [9 * unit]
        self._code.pos = well.x + inset, well.y + inset / 2
        self._code.size = well.width - 2 * inset, well.height - inset
        code = lay_out_code(groups, max(map(len, self._code.groups), default=1), *self._code.size).font_size
        # The code is the largest text on the screen, whatever its length.
        self._title.largest = min(20 * unit, 0.95 * code)
        self._instruction.largest = min((20 if layout.qr is None else 16) * unit, 0.9 * code)
        self._identity.largest, self._hint.largest = 15 * unit, 15 * unit
        put(self._instruction, layout.instruction)
        put(self._identity, layout.identity)
        put(self._hint, layout.hint)
        if layout.qr is not None:
            put(self._qr, layout.qr)


class ConfirmationScreen(Screen):
    """The confirmation after a lamp was claimed."""

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
        self._words.text = words

    def place(self) -> None:
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
