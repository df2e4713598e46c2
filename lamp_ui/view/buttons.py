"""Buttons with words: to tap, and to hold."""

import time
from collections.abc import Callable
from typing import Any

from kivy.clock import Clock
from kivy.graphics import Color, Line, RoundedRectangle

from lamp_ui.core.hold import Hold
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import FINGER, Box
from lamp_ui.view.labels import FittedLabel
from lamp_ui.view.tappable import Tappable
from lamp_ui.view.widgets import put

_STEP_SECONDS = 1 / 20


class WordButton(Tappable):
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
        put(self.words, Box(box.x + 6 * unit, box.y, box.width - 12 * unit, box.height))


class HoldButton(WordButton):
    """A button that is held for some seconds; a light grows over it meanwhile. Letting go or sliding off cancels."""

    def __init__(self, on_held: Callable[[], None], seconds: float, **properties: Any) -> None:
        self._on_held = on_held
        self._hold = Hold(seconds)
        self._free_words = self._held_words = ""
        self._growing = Clock.schedule_interval(self._grow, _STEP_SECONDS)
        self._growing.cancel()
        super().__init__(lambda: None, **properties)
        with self.canvas.before:
            self._light_tint = Color()
            self._light = RoundedRectangle()
        self.fbind("pressed", self._follow)
        self._draw(0)

    def say(self, free: str, held: str) -> None:
        """Set the words before and while it is held."""
        self._free_words, self._held_words = free, held
        self.words.text = held if self.pressed else free

    def _follow(self, *_: object) -> None:
        self.say(self._free_words, self._held_words)
        self._growing.cancel()
        self._draw(0)
        if self.pressed:
            self._hold.press(time.monotonic_ns())
            self._growing()
        else:
            self._hold.release(time.monotonic_ns())

    def _grow(self, _seconds: float) -> None:
        now = time.monotonic_ns()
        self._draw(self._hold.share(now))
        if self._hold.expire(now):
            self.release()
            self._on_held()

    def _draw(self, share: float) -> None:
        unit = self.height / FINGER
        height = self.height - 10 * unit
        self._light_tint.rgba = theme.HOLD if share else (0, 0, 0, 0)  # a rectangle without a width keeps its old one
        self._light.pos, self._light.size = (self.x, self.y + 5 * unit), (share * self.width, height)
        self._light.radius = [min(9 * unit, share * self.width / 2)]
