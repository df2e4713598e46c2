"""The lamp's controls: sliders whose tracks preview their values, and the disc that switches the lamp."""

from math import hypot
from typing import Any

from kivy.graphics import Color, Ellipse, Rectangle, SmoothLine
from kivy.input.motionevent import MotionEvent
from kivy.properties import NumericProperty
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from lamp_ui.core.events import ControlLetGo, ControlMoved, PowerPressed
from lamp_ui.core.lamp_control import Control, Knowledge, Lamp
from lamp_ui.core.view_state import ControlWords
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import KNOB, LABEL_ROW
from lamp_ui.geometry.raster import Paint, pill
from lamp_ui.view.tappable import Tappable
from lamp_ui.view.widgets import Emit, glow_texture, round_texture, texture_of

_TRACK, _LABEL = 24, 16
"""The height of a track and of the labels above it, in units."""

_UNKNOWN_OPACITY = 0.22
"""The opacity of a track whose value is unknown."""


def _rainbow(at: float) -> theme.Colour:
    return theme.light(at, 1.0)


def _fade_from_white(at: float) -> theme.Colour:
    return 1.0, 1.0, 1.0, 1.0 - at


def _fade_from_dark(at: float) -> theme.Colour:
    return 0.07, 0.08, 0.1, 1.0 - at


def _plain(_at: float) -> theme.Colour:
    return 1.0, 1.0, 1.0, 1.0


_PAINTS: dict[Control, tuple[Paint, Paint]] = {
    # Only the ground is tinted in the lamp's colour, so that a new colour needs no new texture.
    Control.HUE: (_rainbow, lambda _at: (0.0, 0.0, 0.0, 0.0)),
    Control.SATURATION: (_plain, _fade_from_white),
    Control.BRIGHTNESS: (_plain, _fade_from_dark),
}


class TrackSlider(Widget):
    """A slider from 0 to 1 whose track shows what each value means; the labels above it ignore touches.

    While the value is unknown, it is a faint track without a knob, and ignores touches.
    """

    unit = NumericProperty(1)
    value = NumericProperty(0)

    def __init__(self, control: Control, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        self._control = control
        self._emit = emit
        self._touch: MotionEvent | None = None
        self._known = False
        self._name = Label(color=theme.TEXT, halign="left", valign="middle")
        self._value_words = Label(color=theme.TEXT, halign="right", valign="middle")
        self.add_widget(self._name)
        self.add_widget(self._value_words)
        with self.canvas:
            self._tint = Color()
            self._ground = Rectangle()
            self._veil_tint = Color()
            self._veil = Rectangle()
            self._edge_tint = Color(rgba=theme.KNOB_EDGE)
            self._edge = Ellipse(texture=round_texture())
            self._ring_tint = Color(rgba=theme.KNOB)
            self._ring = Ellipse(texture=round_texture())
            self._knob_tint = Color()
            self._knob = Ellipse(texture=round_texture())
        self.fbind("pos", self._place)
        self.fbind("size", self._place)
        self.fbind("value", self._place_knob)

    def render(self, lamp: Lamp, words: ControlWords) -> None:
        self._name.text, self._value_words.text = words.name, words.value
        value = getattr(lamp, self._control.value)
        self._known = value is not None
        if not self._known:
            self.release()
        self.value = value or 0.0
        hue, saturation = lamp.hue or 0.0, lamp.saturation if lamp.saturation is not None else 1.0
        full = theme.light(hue, 1.0)
        match self._control:
            case Control.HUE:
                self._tint.rgba, self._knob_tint.rgba = (1, 1, 1, 1), full
            case Control.SATURATION:
                self._tint.rgba = full
                self._knob_tint.rgba = theme.light(hue, saturation)
            case Control.BRIGHTNESS:
                self._tint.rgba = theme.light(hue, saturation)
                dark = (*_fade_from_dark(0)[:3], 1 - self.value)
                self._knob_tint.rgba = theme.over(theme.light(hue, saturation), dark)
        self._veil_tint.a = 1.0 if self._known else _UNKNOWN_OPACITY
        for tint in (self._edge_tint, self._ring_tint, self._knob_tint):
            tint.a = (theme.KNOB_EDGE[3] if tint is self._edge_tint else 1.0) if self._known else 0.0
        if not self._known:
            self._tint.rgba = (*theme.QUIET_TEXT[:3], _UNKNOWN_OPACITY)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Grab the touch, and set the value at its position."""
        on_words = touch.y >= self.top - LABEL_ROW * self.unit
        if not self._known or on_words or not self.collide_point(*touch.pos):
            return False
        self.release()
        touch.grab(self)
        self._touch = touch
        self._point(touch)
        return True

    def on_touch_move(self, touch: MotionEvent) -> bool:
        """Follow the finger, also outside the slider."""
        if touch.grab_current is not self:
            return False
        self._point(touch)
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        if touch.grab_current is not self:
            return False
        self.release()
        return True

    def release(self) -> None:
        """Release the finger, if one is on it."""
        if self._touch is not None:
            self._touch.ungrab(self)
            self._touch = None
            self._emit(ControlLetGo(self._control))

    def _point(self, touch: MotionEvent) -> None:
        left, reach = self._run()
        self._emit(ControlMoved(self._control, round(min(1.0, max(0.0, (touch.x - left) / reach)), 3)))

    def _run(self) -> tuple[float, float]:
        """Return the x of the knob's centre at 0, and the length of its travel."""
        half = _TRACK * self.unit / 2
        return self.x + half, max(1.0, self.width - 2 * half)

    def _place(self, *_: object) -> None:
        width, height = max(1, round(self.width)), max(1, round(_TRACK * self.unit))
        middle = self._track_middle
        for paint, bar in zip(_PAINTS[self._control], (self._ground, self._veil), strict=True):
            if bar.texture is None or bar.texture.size != (width, height):
                bar.texture = texture_of(width, height, pill(width, height, paint))
            bar.size, bar.pos = (width, height), (round(self.x), round(middle - height / 2))
        words_height = LABEL_ROW * self.unit
        for words in (self._name, self._value_words):
            words.font_size = int(_LABEL * self.unit)
            words.size = words.text_size = (self.width, words_height)
            words.pos = self.x, self.top - words_height
        self._place_knob()

    @property
    def _track_middle(self) -> float:
        return float(self.y + (self.height - LABEL_ROW * self.unit) / 2)

    def _place_knob(self, *_: object) -> None:
        left, reach = self._run()
        centre = left + reach * self.value, self._track_middle
        for shape, share in ((self._edge, 1.0), (self._ring, 0.9), (self._knob, 0.66)):
            side = KNOB * self.unit * share
            shape.size, shape.pos = (side, side), (centre[0] - side / 2, centre[1] - side / 2)


class PowerButton(Tappable):
    """A disc in the lamp's colour; a tap on it switches the lamp."""

    unit = NumericProperty(1)

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(lambda: emit(PowerPressed()), **properties)
        with self.canvas:
            self._halo_tint = Color(rgba=(0, 0, 0, 0))
            self._halo = Rectangle(texture=glow_texture())
            self._edge_tint = Color(rgba=theme.CARD_EDGE)
            self._edge = Ellipse(texture=round_texture())
            self._tint = Color(rgba=theme.LAMP_OFF)
            self._globe = Ellipse(texture=round_texture())
            self._sign_tint = Color(rgba=theme.LAMP_OFF_SIGN)
            self._arc, self._stroke = SmoothLine(cap="round"), SmoothLine(cap="round")
            self._wait_tint = Color(rgba=(0, 0, 0, 0))
            self._wait = SmoothLine(cap="round")
        for name in ("pos", "size", "pressed"):
            self.fbind(name, self._place)

    def render(self, lamp: Lamp, knowledge: Knowledge) -> None:
        """Show whether the lamp is on, its colour, and whether a request is pending."""
        self.live = lamp.on is not None
        if not self.live:
            self.release()
        colour = theme.NIGHT if lamp.on is None else theme.LAMP_OFF
        if lamp.on:
            hue, saturation = (lamp.hue or 0.0), (0.0 if lamp.hue is None else lamp.saturation or 0.0)
            colour = theme.globe(hue, saturation, 1.0 if lamp.brightness is None else lamp.brightness)
        self._tint.rgba = colour
        self._edge_tint.rgba = colour if lamp.on else theme.CARD_EDGE
        self._sign_tint.rgba = theme.sign_on(colour) if lamp.on else theme.LAMP_OFF_SIGN
        self._sign_tint.a = 1.0 if self.live else 0.35
        self._halo_tint.rgba = (*colour[:3], 0.2 + 0.5 * (lamp.brightness or 0.0) if lamp.on else 0.0)
        self._wait_tint.rgba = theme.LOCAL_ONLY if knowledge is Knowledge.PENDING else (0, 0, 0, 0)

    def hits(self, x: float, y: float) -> bool:
        """Return whether a position is on the disc, with a margin of a millimetre."""
        return bool(hypot(x - self.center_x, y - self.center_y) <= self.width / 2 + 5 * self.unit)

    def _place(self, *_: object) -> None:
        side = self.width * (0.9 if self.pressed else 1.0)
        x, y = self.center
        for shape, share in ((self._halo, 1.9), (self._edge, 1.0), (self._globe, 0.97)):
            shape.size, shape.pos = (side * share, side * share), (x - side * share / 2, y - side * share / 2)
        self._arc.circle = (x, y, 0.2 * side, 32, 328)
        self._stroke.points = [x, y + 0.07 * side, x, y + 0.25 * side]
        self._arc.width = self._stroke.width = max(1.2, 0.03 * side)
        self._wait.circle = (x, y, 0.38 * side, 0, 250)
        self._wait.width = max(1.2, 0.03 * side)
