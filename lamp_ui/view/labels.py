"""Text that fits its box: words, a lamp's name in any script, and the badge with the end of its id."""

from pathlib import Path
from typing import Any

import kivy
from kivy.clock import Clock
from kivy.core.text import Label as TextPainter
from kivy.graphics import Color, RoundedRectangle
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.label import Label

from lamp_ui.core.display_name import drawable, in_drawing_order, shortened
from lamp_ui.geometry import theme
from lamp_ui.geometry.text_wrap import even_width

SMALLEST_TEXT = 6
"""Minimum font size in pixels: smaller text is illegible, so longer text is clipped."""

_BEFORE_NEXT_FRAME = -1
_ROUNDING = 2
"""Pixels: Kivy measures lines, not words."""

_FONTS = Path(kivy.__file__).parent / "data" / "fonts"
_WESTERN, _MANY_SCRIPTS = "Roboto", "DejaVuSans"
_END_OF_LATIN = 0x180
_SMALLEST_NAME = 0.75
"""The factor down to which a name shrinks before it is shortened."""


class FittedLabel(Label):
    """Text in the largest font, up to ``largest`` pixels, in which it fits its box without breaking a word."""

    largest = NumericProperty(24)

    def __init__(self, **properties: Any) -> None:
        self._fit_soon = Clock.create_trigger(self._fit, _BEFORE_NEXT_FRAME)
        super().__init__(**{"halign": "center", "valign": "middle", **properties})
        for name in ("size", "text", "largest"):
            self.fbind(name, self._fit_soon)
        self._fit_soon()

    def _fit(self, _seconds: float) -> None:
        self.text_size = (self.width, None)
        smallest, largest = SMALLEST_TEXT, max(SMALLEST_TEXT, int(self.largest))
        if not self._fits(largest):
            while smallest < largest:
                middle = (smallest + largest + 1) // 2
                smallest, largest = (middle, largest) if self._fits(middle) else (smallest, middle - 1)
            self.font_size = smallest
            self.texture_update()
        if self.halign == "center":
            self._even_lines()

    def _even_lines(self) -> None:
        lines, height = len(self._label._cached_lines), self.texture_size[1]
        if lines == 1:
            return
        words = [self._label.get_extents(word)[0] for word in self.text.split()]
        width = even_width(words, self._label.get_extents(" ")[0], self.width, lines)
        self.text_size = (min(self.width, width + _ROUNDING), None)
        self.texture_update()
        if self.texture_size[1] > height:
            self.text_size = (self.width, None)
            self.texture_update()

    def _fits(self, font_size: int) -> bool:
        self.font_size = font_size
        self.texture_update()
        return self.texture_size[1] <= self.height and all(
            self._label.get_extents(word)[0] <= self.width for word in self.text.split()
        )


class NameLabel(Label):
    """One line, in the largest font up to ``largest`` pixels in which it fits, with an ellipsis if it does not fit.

    If no available font has any character of ``name``, such as a name of emoji only, ``instead`` is shown.
    """

    name = StringProperty()
    instead = StringProperty()
    largest = NumericProperty(24)

    def __init__(self, **properties: Any) -> None:
        self._fit_soon = Clock.create_trigger(self._fit, _BEFORE_NEXT_FRAME)
        super().__init__(**{"halign": "left", "valign": "middle", **properties})
        for name in ("size", "name", "instead", "largest"):
            self.fbind(name, self._fit_soon)

    def _fit(self, _seconds: float) -> None:
        name, font = self.name, _WESTERN
        if any(ord(each) >= _END_OF_LATIN for each in name) and drawable(name, _FONTS / "Roboto-Bold.ttf") != name:
            name, font = drawable(name, _FONTS / f"{_MANY_SCRIPTS}.ttf"), _MANY_SCRIPTS
        name = name or self.instead
        self.font_name, self.bold = font, font == _WESTERN
        largest = max(SMALLEST_TEXT, int(self.largest))
        sizes = range(largest, max(SMALLEST_TEXT, int(_SMALLEST_NAME * largest)) - 1, -1)
        size = next((size for size in sizes if self._width_of(name, size) <= self.width), sizes[-1])
        self.font_size = size
        self.text_size = self.size
        self.text = in_drawing_order(shortened(name, lambda candidate: self._width_of(candidate, size) <= self.width))

    def _width_of(self, name: str, font_size: int) -> float:
        painter = TextPainter(font_name=self.font_name, font_size=font_size, bold=self.bold)
        return float(painter.get_extents(in_drawing_order(name))[0])


class Badge(FittedLabel):
    """A few words in a pill, which lights up while ``lit``."""

    lit = BooleanProperty(False)

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        with self.canvas.before:
            self._ground_tint = Color()
            self._ground = RoundedRectangle()
        for name in ("lit", "pos", "texture_size", "size"):
            self.fbind(name, self._paint)
        self._paint()

    def _fits(self, font_size: int) -> bool:
        fits = super()._fits(font_size)
        return fits and self._label.get_extents(self.text)[0] + font_size <= self.width  # half of it at either end

    def _paint(self, *_: object) -> None:
        self.color = theme.WELL if self.lit else theme.DEVICE_ID
        self._ground_tint.rgba = theme.GLOW if self.lit else theme.WELL
        height = min(self.height, 1.5 * self.largest)
        width = min(self.width, self._label.get_extents(self.text)[0] + 0.9 * height)
        self._ground.pos = self.center_x - width / 2, self.center_y - height / 2
        self._ground.size = width, height
        self._ground.radius = [height / 2]
