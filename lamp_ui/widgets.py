"""The pieces that the screen is made of: text that fits, the code, the connection's mark, the lamp's glow."""

import random
from math import hypot
from typing import Any

from kivy.clock import Clock
from kivy.core.text import Label as TextPainter
from kivy.graphics import Color, Ellipse, Line, Rectangle, RoundedRectangle
from kivy.graphics.texture import Texture
from kivy.properties import ColorProperty, ListProperty, NumericProperty, ObjectProperty
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from lamp_ui import theme
from lamp_ui.code_layout import GROUP_GAP, LINE_STEP, lay_out_code
from lamp_ui.presenter import Connection

CODE_FONT = "RobotoMono-Regular"
SMALLEST_TEXT = 6
"""Pixels of the font below which text is no text; it is clipped rather than made smaller."""

_GLOBE_RADIUS, _HALO_STRENGTH = 0.44, 0.42

_THINNEST_SMOOTH = 1.1
"""Half the width of a line, in pixels, from which on Kivy draws it as an area, without gaps."""

_BEFORE_NEXT_FRAME = -1


class FittedLabel(Label):
    """Text in the largest font, up to ``largest`` pixels, in which it fits its box without a word broken."""

    largest = NumericProperty(24)
    line_width = NumericProperty()
    """How wide the text is where it has one line, in pixels."""

    def __init__(self, **properties: Any) -> None:
        self._fit_soon = Clock.create_trigger(self._fit, _BEFORE_NEXT_FRAME)
        super().__init__(**properties)
        self.fbind("size", self._fit_soon)
        self.fbind("text", self._fit_soon)
        self.fbind("largest", self._fit_soon)
        self._fit_soon()

    def _fit(self, _seconds: float) -> None:
        self.text_size = (self.width, None)
        smallest, largest = SMALLEST_TEXT, max(SMALLEST_TEXT, int(self.largest))
        while smallest < largest:
            middle = (smallest + largest + 1) // 2
            smallest, largest = (middle, largest) if self._fits(middle) else (smallest, middle - 1)
        self.font_size = smallest
        self.texture_update()
        self.line_width = self._label.get_extents(self.text)[0]

    def _fits(self, font_size: int) -> bool:
        self.font_size = font_size
        self.texture_update()
        return self.texture_size[1] <= self.height and all(
            self._label.get_extents(word)[0] <= self.width for word in self.text.split()
        )


class CodeView(Widget):
    """A code's groups, as large as the box allows."""

    groups = ListProperty()
    color = ColorProperty(theme.CODE)

    def __init__(self, **properties: Any) -> None:
        self._draw_soon = Clock.create_trigger(self._draw, _BEFORE_NEXT_FRAME)
        super().__init__(**properties)
        for name in ("groups", "pos", "size", "color"):
            self.fbind(name, self._draw_soon)

    def _draw(self, _seconds: float) -> None:
        self.canvas.clear()
        if not self.groups:
            return
        layout = lay_out_code(len(self.groups), len(self.groups[0]), self.width, self.height)
        lines = [self.groups[at : at + layout.columns] for at in range(0, len(self.groups), layout.columns)]
        top = self.center_y + len(lines) * LINE_STEP * layout.font_size / 2
        with self.canvas:
            Color(rgba=self.color)
            for number, line in enumerate(lines):
                self._draw_line(line, top - (number + 0.5) * LINE_STEP * layout.font_size, layout.font_size)

    def _draw_line(self, groups: list[str], middle: float, font_size: float) -> None:
        painted = [_paint(group, font_size) for group in groups]
        gap = GROUP_GAP * font_size
        left = self.center_x - (sum(texture.width for texture in painted) + gap * (len(painted) - 1)) / 2
        for texture in painted:
            # Whole pixels: text between two of them is blurred.
            Rectangle(texture=texture, pos=(round(left), round(middle - texture.height / 2)), size=texture.size)
            left += texture.width + gap


def _paint(text: str, font_size: float) -> Texture:
    painter = TextPainter(text=text, font_name=CODE_FONT, font_size=int(font_size))
    painter.refresh()
    return painter.texture


class ConnectionMark(Widget):
    """The connection in a small sign whose shape tells it as well as its colour: disc, ring or cross."""

    connection = ObjectProperty(Connection.NONE)

    def __init__(self, **properties: Any) -> None:
        self._draw_soon = Clock.create_trigger(self._draw, _BEFORE_NEXT_FRAME)
        super().__init__(**properties)
        for name in ("connection", "pos", "size"):
            self.fbind(name, self._draw_soon)
        self._draw_soon()

    def _draw(self, _seconds: float) -> None:
        radius = min(self.size) / 2
        stroke = max(_THINNEST_SMOOTH, radius / 6)
        centre_x, centre_y = self.center
        self.canvas.clear()
        with self.canvas:
            match self.connection:
                case Connection.CLOUD:
                    Color(rgba=theme.CLOUD)
                    Ellipse(pos=(centre_x - radius, centre_y - radius), size=(2 * radius, 2 * radius))
                case Connection.LOCAL_ONLY:
                    Color(rgba=theme.LOCAL_ONLY)
                    Line(circle=(centre_x, centre_y, radius - stroke), width=stroke)
                case Connection.NONE:
                    Color(rgba=theme.NONE)
                    arm = radius - stroke
                    for rise in (arm, -arm):
                        ends = [centre_x - arm, centre_y - rise, centre_x + arm, centre_y + rise]
                        Line(points=ends, width=stroke, cap="round")


class GlobeLamp(Widget):
    """A lamp: a globe of light on a small foot, and around it light that fades into the dark."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        with self.canvas:
            Color(rgba=theme.LAMP_FOOT)
            self._neck = Rectangle()
            self._foot = RoundedRectangle()
            Color(rgba=(1, 1, 1, 1))
            self._light = Rectangle(texture=_light_texture())
        self.fbind("pos", self._place)
        self.fbind("size", self._place)

    def _place(self, *_: object) -> None:
        side = min(self.size)
        centre_x, centre_y = self.center
        self._light.size = (side, side)
        self._light.pos = (centre_x - side / 2, centre_y - side / 2)
        self._neck.size = (0.2 * side, 0.1 * side)
        self._neck.pos = (centre_x - 0.1 * side, centre_y - 0.28 * side)
        self._foot.size = (0.38 * side, 0.04 * side)
        self._foot.pos = (centre_x - 0.19 * side, centre_y - 0.295 * side)
        self._foot.radius = [0.02 * side]


def _light_texture(side: int = 224) -> Texture:
    """Return the globe and its halo, which ends before the edge.

    A little noise hides the steps that so dark a gradient has on a panel of 16 bits a pixel.
    """
    noise = random.Random(1)
    pixels = bytearray()
    half = side / 2
    for y in range(side):
        for x in range(side):
            distance = hypot(x + 0.5 - half, y + 0.5 - half) / half
            inside = min(1.0, max(0.0, (_GLOBE_RADIUS - distance) * half))
            halo = _HALO_STRENGTH * max(0.0, 1 - distance) ** 2 + noise.uniform(-0.006, 0.006)
            whiteness = max(0.0, 1 - hypot(x + 0.5 - half, y + 0.5 - 1.1 * half) / half / _GLOBE_RADIUS)
            pixels += bytes(
                round(255 * (edge + inside * whiteness * (core - edge)))
                for edge, core in zip(theme.GLOW[:3], theme.GLOW_CORE[:3], strict=True)
            )
            pixels.append(round(255 * min(1.0, max(0.0, inside, halo if distance < 1 else 0.0))))
    texture = Texture.create(size=(side, side), colorfmt="rgba")
    texture.blit_buffer(bytes(pixels), colorfmt="rgba", bufferfmt="ubyte")
    return texture
