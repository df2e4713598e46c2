"""Widgets of the screens: the code, the QR code and the connection mark."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from kivy.clock import Clock
from kivy.core.text import Label as TextPainter
from kivy.graphics import Color, Ellipse, Line, Rectangle, RoundedRectangle
from kivy.graphics.texture import Texture
from kivy.properties import BooleanProperty, ColorProperty, ListProperty, NumericProperty, ObjectProperty
from kivy.uix.widget import Widget

from lamp_ui.core.events import Event
from lamp_ui.core.view_state import Reach
from lamp_ui.geometry import theme
from lamp_ui.geometry.code_layout import GROUP_GAP, LINE_STEP, lay_out_code
from lamp_ui.geometry.layout import Box
from lamp_ui.geometry.qr import QUIET_MODULES
from lamp_ui.geometry.raster import disc, glow
from lamp_ui.view.tappable import Tappable

Emit = Callable[[Event], None]
"""The callback for a widget's touch events."""

CODE_FONT = str(Path(__file__).parents[1] / "fonts" / "AtkinsonHyperlegibleMono-Medium.ttf")
"""Designed by the Braille Institute so that no two characters look alike: the 6 has no straight stem like the b, and
the 0 is slashed from the upper left. In Roboto Mono, 6 and b, and 0 and 8, are easily confused at arm's length."""

FADE_SECONDS = 0.4
_FADE_STEP_SECONDS = 1 / 25
_FADE_FROM = 0.15

_THINNEST_SMOOTH = 1.1
"""Half the line width, in pixels, from which Kivy draws a line as an area, without gaps."""

_BEFORE_NEXT_FRAME = -1


def texture_of(width: int, height: int, pixels: bytes) -> Texture:
    """Return a texture of these pixels (RGBA)."""
    texture = Texture.create(size=(width, height), colorfmt="rgba", mipmap=width == height)
    texture.blit_buffer(pixels, colorfmt="rgba", bufferfmt="ubyte")
    return texture


@cache
def round_texture() -> Texture:
    """Return a white disc to be tinted; shared, since painting it takes time."""
    return texture_of(96, 96, disc(96))


@cache
def glow_texture() -> Texture:
    """Return a white glow to be tinted."""
    return texture_of(64, 64, glow(64))


def put(widget: Widget, box: Box) -> None:
    """Make a widget fill a box."""
    widget.pos = box.x, box.y
    widget.size = box.width, box.height


class CodeView(Widget):
    """A code's groups, as large as the box allows; with ``fades``, a new code fades in over the old one's place."""

    groups = ListProperty()
    color = ColorProperty(theme.CODE)
    fades = BooleanProperty(True)

    def __init__(self, **properties: Any) -> None:
        self._draw_soon = Clock.create_trigger(self._draw, _BEFORE_NEXT_FRAME)
        self._fading = Clock.schedule_interval(self._fade, _FADE_STEP_SECONDS)
        self._fading.cancel()
        self._ink: Color | None = None
        super().__init__(**properties)
        for name in ("pos", "size", "color"):
            self.fbind(name, self._draw_soon)

    def show(self, groups: list[str]) -> None:
        """Show a code, replacing another one if there is one."""
        fading = bool(self.groups) and self.groups != groups and self.fades
        self.groups = groups
        self._fading.cancel()
        self._draw(0)
        if fading and self._ink is not None:
            # From the first frame on, only the new code is drawn, however slow the fade is.
            self._ink.a = _FADE_FROM
            self._fading()

    def _fade(self, seconds: float) -> bool:
        if self._ink is None:
            return False
        self._ink.a = min(1.0, self._ink.a + (1 - _FADE_FROM) * seconds / FADE_SECONDS)
        return bool(self._ink.a < 1)

    def _draw(self, _seconds: float) -> None:
        opacity = 1.0 if self._ink is None else self._ink.a
        self.canvas.clear()
        self._ink = None
        if not self.groups:
            return
        layout = lay_out_code(len(self.groups), len(self.groups[0]), self.width, self.height)
        lines = [self.groups[at : at + layout.columns] for at in range(0, len(self.groups), layout.columns)]
        top = self.center_y + len(lines) * LINE_STEP * layout.font_size / 2
        with self.canvas:
            self._ink = Color(*self.color[:3], opacity)
            for number, line in enumerate(lines):
                self._draw_line(line, top - (number + 0.5) * LINE_STEP * layout.font_size, layout.font_size)

    def _draw_line(self, groups: list[str], middle: float, font_size: float) -> None:
        painted = [_paint(group, font_size) for group in groups]
        gap = GROUP_GAP * font_size
        left = self.center_x - (sum(texture.width for texture in painted) + gap * (len(painted) - 1)) / 2
        for texture in painted:
            # Whole pixels: text at fractional positions is blurred.
            Rectangle(texture=texture, pos=(round(left), round(middle - texture.height / 2)), size=texture.size)
            left += texture.width + gap


def _paint(text: str, font_size: float) -> Texture:
    painter = TextPainter(text=text, font_name=CODE_FONT, font_size=int(font_size))
    painter.refresh()
    return painter.texture


class QrView(Widget):
    """A QR code on its paper, with whole pixels per cell; nothing while ``modules`` is empty."""

    modules = ObjectProperty(())

    def __init__(self, **properties: Any) -> None:
        self._draw_soon = Clock.create_trigger(self._draw, _BEFORE_NEXT_FRAME)
        super().__init__(**properties)
        for name in ("modules", "pos", "size"):
            self.fbind(name, self._draw_soon)

    def _draw(self, _seconds: float) -> None:
        self.canvas.clear()
        if not self.modules:
            return
        count = len(self.modules)
        cell = int(min(self.size) // (count + 2 * QUIET_MODULES))
        paper = cell * (count + 2 * QUIET_MODULES)
        left, bottom = round(self.center_x - paper / 2), round(self.center_y - paper / 2)
        ink = bytes(255 * dark for row in reversed(self.modules) for dark in row)
        texture = Texture.create(size=(count, count), colorfmt="rgba")
        texture.mag_filter = texture.min_filter = "nearest"
        texture.blit_buffer(b"".join(b"\xff\xff\xff" + bytes((dark,)) for dark in ink), colorfmt="rgba")
        inset = cell * QUIET_MODULES
        with self.canvas:
            Color(rgba=theme.QR_PAPER)
            RoundedRectangle(pos=(left, bottom), size=(paper, paper), radius=[2 * cell])
            Color(rgba=theme.QR_INK)
            Rectangle(texture=texture, pos=(left + inset, bottom + inset), size=(cell * count, cell * count))


class ConnectionMark(Tappable):
    """The connection mark, which shows the state by its shape as well as its colour: disc, ring or cross.

    A tap on it opens the status page.
    """

    connection = ObjectProperty(Reach.NONE)
    radius = NumericProperty(6)

    def __init__(self, on_tap: Callable[[], None], **properties: Any) -> None:
        self._draw_soon = Clock.create_trigger(self._draw, _BEFORE_NEXT_FRAME)
        super().__init__(on_tap, **properties)
        for name in ("connection", "pos", "size", "radius", "pressed"):
            self.fbind(name, self._draw_soon)
        self._draw_soon()

    def _draw(self, _seconds: float) -> None:
        radius = self.radius * (0.8 if self.pressed else 1.0)
        stroke = max(_THINNEST_SMOOTH, radius / 6)
        centre_x, centre_y = self.center
        self.canvas.clear()
        with self.canvas:
            match self.connection:
                case Reach.CLOUD:
                    Color(rgba=theme.CLOUD)
                    where = {"pos": (centre_x - radius, centre_y - radius), "size": (2 * radius, 2 * radius)}
                    Ellipse(texture=round_texture(), **where)
                case Reach.LOCAL_ONLY:
                    Color(rgba=theme.LOCAL_ONLY)
                    Line(circle=(centre_x, centre_y, radius - stroke), width=stroke)
                case Reach.NONE:
                    Color(rgba=theme.NONE)
                    arm = radius - stroke
                    for rise in (arm, -arm):
                        ends = [centre_x - arm, centre_y - rise, centre_x + arm, centre_y + rise]
                        Line(points=ends, width=stroke, cap="round")
