"""What a finger moves and presses: the sliders, whose tracks show what they set, and the lamp that is its switch."""

from typing import Any

from kivy.graphics import Color, Ellipse, Rectangle, SmoothLine
from kivy.input.motionevent import MotionEvent
from kivy.properties import NumericProperty
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from lamp_ui import theme
from lamp_ui.events import ControlLetGo, ControlMoved, PowerPressed
from lamp_ui.lamp import Control, Lamp
from lamp_ui.pictures import Paint, pill
from lamp_ui.view_state import ControlWords
from lamp_ui.widgets import Emit, FittedLabel, glow_texture, round_texture, texture_of

_TRACK, _KNOB, _LABEL = 22, 30, 15
"""Units: how high a track, a knob and the words above them are."""


def _rainbow(at: float) -> theme.Colour:
    return theme.light(at, 1.0)


def _fade_from_white(at: float) -> theme.Colour:
    return 1.0, 1.0, 1.0, 1.0 - at


def _fade_from_dark(at: float) -> theme.Colour:
    return 0.07, 0.08, 0.1, 1.0 - at


def _plain(_at: float) -> theme.Colour:
    return 1.0, 1.0, 1.0, 1.0


_PAINTS: dict[Control, tuple[Paint, Paint]] = {
    # The ground takes the lamp's colour, what lies over it does not: so a new colour costs no new picture.
    Control.HUE: (_rainbow, lambda _at: (0.0, 0.0, 0.0, 0.0)),
    Control.SATURATION: (_plain, _fade_from_white),
    Control.BRIGHTNESS: (_plain, _fade_from_dark),
}


class TrackSlider(Widget):
    """A value from 0 to 1 on a track that shows what each value means; all of its height takes the finger."""

    unit = NumericProperty(1)
    value = NumericProperty(0)

    def __init__(self, control: Control, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        self._control = control
        self._emit = emit
        self._name = Label(color=theme.TEXT, halign="left", valign="middle")
        self._value_words = Label(color=theme.TEXT, halign="right", valign="middle")
        self.add_widget(self._name)
        self.add_widget(self._value_words)
        with self.canvas:
            self._tint = Color()
            self._ground = Rectangle()
            Color()
            self._veil = Rectangle()
            Color(rgba=theme.KNOB_EDGE)
            self._edge = Ellipse(texture=round_texture())
            Color(rgba=theme.KNOB)
            self._ring = Ellipse(texture=round_texture())
            self._knob_tint = Color()
            self._knob = Ellipse(texture=round_texture())
        self.fbind("pos", self._place)
        self.fbind("size", self._place)
        self.fbind("value", self._place_knob)

    def render(self, lamp: Lamp, words: ControlWords) -> None:
        """Show what the lamp has."""
        self._name.text, self._value_words.text = words.name, words.value
        full = theme.light(lamp.hue, 1.0)
        match self._control:
            case Control.HUE:
                self.value, self._knob_tint.rgba = lamp.hue, full
            case Control.SATURATION:
                self.value, self._tint.rgba = lamp.saturation, full
                self._knob_tint.rgba = theme.light(lamp.hue, lamp.saturation)
            case Control.BRIGHTNESS:
                self.value, self._tint.rgba = lamp.brightness, theme.light(lamp.hue, lamp.saturation)
                dark = (*_fade_from_dark(0)[:3], 1 - lamp.brightness)
                self._knob_tint.rgba = theme.over(theme.light(lamp.hue, lamp.saturation), dark)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Take the finger, and the value that it points at."""
        if not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        self._point(touch)
        return True

    def on_touch_move(self, touch: MotionEvent) -> bool:
        """Follow the finger wherever it goes."""
        if touch.grab_current is not self:
            return False
        self._point(touch)
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        """Let the finger go."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self._emit(ControlLetGo(self._control))
        return True

    def _point(self, touch: MotionEvent) -> None:
        left, reach = self._run()
        self._emit(ControlMoved(self._control, round(min(1.0, max(0.0, (touch.x - left) / reach)), 3)))

    def _run(self) -> tuple[float, float]:
        """Return where the knob's middle is at 0, and how far it can go."""
        half = _TRACK * self.unit / 2
        return self.x + half, max(1.0, self.width - 2 * half)

    def _place(self, *_: object) -> None:
        width, height = round(self.width), round(_TRACK * self.unit)
        middle = self._track_middle
        for paint, bar in zip(_PAINTS[self._control], (self._ground, self._veil), strict=True):
            if bar.texture is None or bar.texture.size != (width, height):
                bar.texture = texture_of(width, height, pill(width, height, paint))
            bar.size, bar.pos = (width, height), (round(self.x), round(middle - height / 2))
        words_height = 1.3 * _LABEL * self.unit
        for words in (self._name, self._value_words):
            words.font_size = int(_LABEL * self.unit)
            words.size = words.text_size = (self.width, words_height)
            words.pos = self.x, middle + _KNOB * self.unit / 2 - self.unit
        self._place_knob()

    @property
    def _track_middle(self) -> float:
        # The words and the knob together stand in the middle of the height.
        together = (_KNOB + 1.3 * _LABEL) * self.unit
        return float(self.y + (self.height - together) / 2 + _KNOB * self.unit / 2)

    def _place_knob(self, *_: object) -> None:
        left, reach = self._run()
        centre = left + reach * self.value, self._track_middle
        for shape, share in ((self._edge, 1.0), (self._ring, 0.9), (self._knob, 0.66)):
            side = _KNOB * self.unit * share
            shape.size, shape.pos = (side, side), (centre[0] - side / 2, centre[1] - side / 2)


class PowerButton(Widget):
    """The lamp itself, glowing in its colour; a touch switches it."""

    unit = NumericProperty(1)

    def __init__(self, emit: Emit, **properties: Any) -> None:
        super().__init__(**properties)
        self._emit = emit
        self._words = FittedLabel(color=theme.TITLE, bold=True)
        self.add_widget(self._words)
        with self.canvas:
            self._halo_tint = Color(rgba=(0, 0, 0, 0))
            self._halo = Rectangle(texture=glow_texture())
            self._edge_tint = Color(rgba=theme.CARD_EDGE)
            self._edge = Ellipse(texture=round_texture())
            self._tint = Color(rgba=theme.LAMP_OFF)
            self._globe = Ellipse(texture=round_texture())
            self._sign_tint = Color(rgba=theme.LAMP_OFF_SIGN)
            self._arc, self._stroke = SmoothLine(cap="round"), SmoothLine(cap="round")
        self.fbind("pos", self._place)
        self.fbind("size", self._place)

    def render(self, lamp: Lamp, words: str) -> None:
        """Show whether the lamp is on, and in what colour."""
        self._words.text = words
        colour = theme.globe(lamp.hue, lamp.saturation, lamp.brightness) if lamp.on else theme.LAMP_OFF
        self._tint.rgba = colour
        self._edge_tint.rgba = colour if lamp.on else theme.CARD_EDGE
        self._sign_tint.rgba = theme.sign_on(colour) if lamp.on else theme.LAMP_OFF_SIGN
        self._halo_tint.rgba = (*colour[:3], 0.2 + 0.5 * lamp.brightness if lamp.on else 0.0)

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Switch the lamp."""
        if not self.collide_point(*touch.pos):
            return False
        self._emit(PowerPressed())
        return True

    def _place(self, *_: object) -> None:
        words_height = 22 * self.unit
        side = min(self.width, self.height - words_height - 6 * self.unit, 96 * self.unit)
        x, top = self.center_x, self.center_y + (side + words_height) / 2
        y = top - side / 2
        for shape, share in ((self._halo, 1.9), (self._edge, 1.0), (self._globe, 0.97)):
            shape.size, shape.pos = (side * share, side * share), (x - side * share / 2, y - side * share / 2)
        self._arc.circle = (x, y, 0.2 * side, 32, 328)
        self._stroke.points = [x, y + 0.07 * side, x, y + 0.25 * side]
        self._arc.width = self._stroke.width = max(1.2, 0.03 * side)
        self._words.largest = 18 * self.unit
        self._words.size, self._words.pos = (self.width, words_height), (self.x, top - side - words_height)
