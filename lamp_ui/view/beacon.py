"""The pulsing frame of light around the popup while the lamp identifies itself."""

from math import cos, tau
from typing import Any

from kivy.clock import Clock
from kivy.graphics import Color, Line, Rectangle
from kivy.properties import BooleanProperty
from kivy.uix.widget import Widget

from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import unit_of
from lamp_ui.view.widgets import glow_texture

PULSE_SECONDS = 2.0
"""The period of the pulse: calm, and far below the limit for flashes (WCAG 2.2, criterion 2.3.1)."""

_STEP_SECONDS = 1 / 20
_FAINTEST = 0.3


class Beacon(Widget):
    """A light behind the popup and a frame around it while ``lit``; steady unless it ``pulses``."""

    lit = BooleanProperty(False)

    def __init__(self, *, pulses: bool, **properties: Any) -> None:
        super().__init__(**properties)
        self._pulses = pulses
        self._seconds = 0.0
        self._pulsing = Clock.schedule_interval(self._pulse, _STEP_SECONDS)
        self._pulsing.cancel()
        with self.canvas:
            self._light_tint = Color(rgba=(0, 0, 0, 0))
            self._light = Rectangle(texture=glow_texture())
            self._frame_tint = Color(rgba=(0, 0, 0, 0))
            self._frame = Line()
        self.fbind("lit", self._switch)
        self.fbind("size", self._place)

    def _switch(self, *_: object) -> None:
        self._pulsing.cancel()
        self._seconds = 0.0
        self._shine(1.0 if self.lit else 0.0)
        if self.lit and self._pulses:
            self._pulsing()

    def _pulse(self, seconds: float) -> None:
        self._seconds += seconds
        wave = (1 + cos(tau * self._seconds / PULSE_SECONDS)) / 2
        self._shine(_FAINTEST + (1 - _FAINTEST) * wave)

    def _shine(self, strength: float) -> None:
        self._light_tint.rgba = (*theme.BEACON[:3], theme.BEACON[3] * strength)
        self._frame_tint.rgba = (*theme.GLOW[:3], strength)

    def _place(self, *_: object) -> None:
        width = 3.5 * unit_of(*self.size)
        self._frame.width = width
        self._frame.rectangle = (width, width, self.width - 2 * width, self.height - 2 * width)
        reach = 1.5 * max(self.size)
        self._light.size, self._light.pos = (reach, reach), ((self.width - reach) / 2, (self.height - reach) / 2)
