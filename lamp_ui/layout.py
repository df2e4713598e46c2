"""Where everything stands: pure arithmetic, by proportion and not by a copy a size. Knows no Kivy.

Lengths are in units, a pixel of the lamp's own 240 x 320; whichever way the window is turned, its
short side has at least 240 of them and its long side at least 320. As in Kivy, y goes up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lamp_ui.qr import LEAST_MODULE_PIXELS, QUIET_MODULES

NARROW_SIDE, WIDE_SIDE = 240, 320

FINGER = 44
"""Units that a control is at least high and wide."""

_MARGIN, _GAP, _HEADER = 12, 5, FINGER
_ROUNDING = 2
"""Units more than a QR code needs, so that no rounding makes its cells smaller."""

_CLOSE_WIDTH = 96
STATUS_LINE = 15.6
"""Units that a weight of 1 is at most high on the status page."""

_LEAST_ROW_GAP = 3


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """Where it ends above."""
        return self.y + self.height

    @property
    def right(self) -> float:
        """Where it ends to the right."""
        return self.x + self.width

    def rows(self, *weights: float, gap: float = 0) -> "list[Box]":
        """Return it cut into rows, from the top, in these proportions."""
        if not weights:
            return []
        share = (self.height - gap * (len(weights) - 1)) / sum(weights)
        rows, top = [], self.top
        for weight in weights:
            rows.append(Box(self.x, top - share * weight, self.width, share * weight))
            top -= share * weight + gap
        return rows

    def columns(self, *weights: float, gap: float = 0) -> "list[Box]":
        """Return it cut into columns, from the left, in these proportions."""
        share = (self.width - gap * (len(weights) - 1)) / sum(weights)
        columns, left = [], self.x
        for weight in weights:
            columns.append(Box(left, self.y, share * weight, self.height))
            left += share * weight + gap
        return columns


@dataclass(frozen=True)
class MainLayout:
    """The lamp's own screen."""

    device_id: Box
    connection: Box
    power: Box
    sliders: tuple[Box, Box, Box]


@dataclass(frozen=True)
class PopupLayout:
    """The association popup; ``qr`` is None where it has none."""

    title: Box
    code: Box
    instruction: Box
    qr: Box | None
    connection: Box


@dataclass(frozen=True)
class StatusLayout:
    """The status page."""

    title: Box
    rows: tuple[Box, ...]
    close: Box


def unit_of(width: float, height: float) -> float:
    """Return how many pixels of a window make one unit."""
    return min(min(width, height) / NARROW_SIDE, max(width, height) / WIDE_SIDE)


def place_mark(width: float, height: float) -> Box:
    """Return where the connection's mark can be touched, the same on every screen: the upper right corner."""
    side = FINGER * unit_of(width, height)
    return Box(width - side, height - side, side, side)


def place_main(width: float, height: float) -> MainLayout:
    """Return the lamp's own screen for a window."""
    unit = unit_of(width, height)
    header, body = _header_and_body(width, height)
    device_id, connection = Box(header.x, header.y, header.width, header.height - 3 * unit).rows(23, 18)
    if height >= width:
        sliders_height = max(162 * unit, 0.5 * body.height)
        power, sliders = body.rows(body.height - sliders_height, sliders_height)
    else:
        power, sliders = body.columns(38, 62, gap=_MARGIN * unit)
    top, middle, bottom = sliders.rows(1, 1, 1)
    return MainLayout(device_id, connection, power, (top, middle, bottom))


def place_popup(width: float, height: float, groups: int, qr_modules: int) -> PopupLayout:
    """Return the popup for a window, a code of so many groups and a QR code of so many cells a side, 0 for none."""
    unit = unit_of(width, height)
    gap = _GAP * unit
    inside = Box(8 * unit, gap, width - 16 * unit, height - 2 * gap)
    long = groups > 2
    header = (_HEADER - 2 * _GAP) * unit  # its middle is the mark's
    if not qr_modules:
        rest = inside.height - header - 3 * gap
        shares = (55, 33, 12) if long else (49, 38, 13)
        title, code, instruction, connection = inside.rows(header, *(rest * share / 100 for share in shares), gap=gap)
        return PopupLayout(_beside_mark(title, unit), code, instruction, None, connection)
    side = ((qr_modules + 2 * QUIET_MODULES) * LEAST_MODULE_PIXELS + _ROUNDING) * unit
    if height >= width:
        rest = inside.height - header - side - 4 * gap
        code_share, instruction_share, connection_share = (0.55, 0.31, 0.14) if long else (0.45, 0.4, 0.15)
        heights = (code_share * rest, instruction_share * rest, side, connection_share * rest)
        title, code, instruction, below, connection = inside.rows(header, *heights, gap=gap)
        qr = Box(below.x + (below.width - side) / 2, below.y, side, side)
        return PopupLayout(_beside_mark(title, unit), code, instruction, qr, connection)
    rest = inside.height - side - 2 * gap
    title, code, below = inside.rows(header, rest - header, side, gap=gap)
    words, qr = below.columns(below.width - side - 2 * gap, side, gap=2 * gap)
    words = Box(words.x + 4 * unit, words.y, words.width - 4 * unit, words.height)
    instruction, connection = words.rows(2.4, 1, gap=gap)
    return PopupLayout(_beside_mark(title, unit), code, instruction, qr, connection)


def place_status(width: float, height: float, weights: Sequence[float]) -> StatusLayout:
    """Return the status page for a window and its rows, each with a weight."""
    unit = unit_of(width, height)
    header, body = _header_and_body(width, height)
    title, close = header.columns(header.width - _CLOSE_WIDTH * unit, _CLOSE_WIDTH * unit)
    if height >= width:
        rows = _stack(body, weights, unit)
    else:
        half = (len(weights) + 1) // 2
        left, right = body.columns(1, 1, gap=_MARGIN * unit)
        rows = _stack(left, weights[:half], unit) + _stack(right, weights[half:], unit)
    return StatusLayout(title, tuple(rows), close)


def _stack(column: Box, weights: Sequence[float], unit: float) -> list[Box]:
    """Return rows from the top of a column, none higher than its text: so a name stands by its own value."""
    gaps = max(1, len(weights) - 1)
    text = min(STATUS_LINE * unit * sum(weights), column.height - _LEAST_ROW_GAP * unit * gaps)
    gap = min(_MARGIN * unit, (column.height - text) / gaps)
    height = text + gap * (len(weights) - 1)
    return Box(column.x, column.top - height, column.width, height).rows(*weights, gap=gap)


def _header_and_body(width: float, height: float) -> tuple[Box, Box]:
    unit = unit_of(width, height)
    margin, header = _MARGIN * unit, _HEADER * unit
    return (
        Box(margin, height - header, width - margin - FINGER * unit, header),
        Box(margin, 8 * unit, width - 2 * margin, height - header - 8 * unit),
    )


def _beside_mark(title: Box, unit: float) -> Box:
    return Box(title.x + 4 * unit, title.y, title.width - (FINGER - 2) * unit, title.height)
