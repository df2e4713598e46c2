"""Layout of the screens, in proportion to the window. Pure arithmetic, no Kivy.

Lengths are in units: one unit is a pixel of the lamp's own 240 x 320 panel. In either orientation the window's short
side has at least 240 units and its long side at least 320. As in Kivy, y goes up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lamp_ui.geometry.qr import LEAST_MODULE_PIXELS, QUIET_MODULES

NARROW_SIDE, WIDE_SIDE = 240, 320

FINGER = 44
"""Units: the minimum height and width of a control."""

_MARGIN, _GAP, _HEADER = 12, 5, FINGER
_ROUNDING = 2
"""Units: extra space around a QR code, so that rounding doesn't make its cells smaller."""

_FRAME, _BADGE_WIDTH = 9, 98
_FOOT, _LEAST_CODE = 38, 46
"""Units: the height of the popup's lowest row, and the minimum height of the code, which limits the QR code."""

SLIDER_ROW, LABEL_ROW, KNOB = 62, 18, 40
"""Units: the heights of a slider with its label and of the label, which ignores touches, and the knob, 7 mm wide."""

_CLOSE_WIDTH = 96
STATUS_LINE, VALUE_LINE = 21, 15
"""Units: the height of a name on the status page, whose letters are 3 mm high, and of each line of a value."""

_NAME_WIDTH = 86
_LEAST_ROW_GAP = 2


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """The y of its upper edge."""
        return self.y + self.height

    @property
    def right(self) -> float:
        """The x of its right edge."""
        return self.x + self.width

    def rows(self, *weights: float, gap: float = 0) -> "list[Box]":
        """Split it into rows, from the top, in these proportions."""
        if not weights:
            return []
        share = (self.height - gap * (len(weights) - 1)) / sum(weights)
        rows, top = [], self.top
        for weight in weights:
            rows.append(Box(self.x, top - share * weight, self.width, share * weight))
            top -= share * weight + gap
        return rows

    def columns(self, *weights: float, gap: float = 0) -> "list[Box]":
        """Split it into columns, from the left, in these proportions."""
        share = (self.width - gap * (len(weights) - 1)) / sum(weights)
        columns, left = [], self.x
        for weight in weights:
            columns.append(Box(left, self.y, share * weight, self.height))
            left += share * weight + gap
        return columns


@dataclass(frozen=True)
class MainLayout:
    """The lamp's own screen; ``power`` is the square around the disc that switches it."""

    headline: Box
    connection: Box
    power: Box
    words: Box
    notice: Box
    sliders: tuple[Box, Box, Box]


@dataclass(frozen=True)
class PopupLayout:
    """The association popup; ``qr`` is None if there is no QR code."""

    title: Box
    code: Box
    instruction: Box
    qr: Box | None
    identity: Box
    hint: Box


@dataclass(frozen=True)
class StatusLayout:
    """The status page; each row has a name and a value. ``hold`` is the button that is held, None without one."""

    title: Box
    close: Box
    advice: Box
    hold: Box | None
    rows: tuple[tuple[Box, Box], ...]


@dataclass(frozen=True)
class DialogLayout:
    """A dialog with two buttons."""

    title: Box
    words: Box
    confirm: Box
    close: Box


def unit_of(width: float, height: float) -> float:
    """Return the number of pixels per unit for a window."""
    return min(min(width, height) / NARROW_SIDE, max(width, height) / WIDE_SIDE)


def place_mark(width: float, height: float) -> Box:
    """Return the touch area of the connection mark, the upper right corner of every screen."""
    side = FINGER * unit_of(width, height)
    return Box(width - side, height - side, side, side)


def place_main(width: float, height: float) -> MainLayout:
    """Return the lamp's own screen for a window."""
    unit = unit_of(width, height)
    header, body = _header_and_body(width, height)
    headline, connection = Box(header.x, header.y, header.width, header.height - 3 * unit).rows(23, 18)
    if height >= width:
        sliders_height = max(3 * SLIDER_ROW * unit, 0.5 * body.height)
        upper, sliders = body.rows(body.height - sliders_height, sliders_height)
        side = min(upper.height - 4 * unit, 0.42 * upper.width)
        power = Box(upper.x, upper.y + (upper.height - side) / 2, side, side)
        beside = Box(power.right + _MARGIN * unit, upper.y, upper.right - power.right - _MARGIN * unit, upper.height)
        words, notice = beside.rows(28, 54)
    else:
        column, sliders = body.columns(38, 62, gap=_MARGIN * unit)
        side = min(column.width, 0.48 * column.height)
        disc, words, notice = column.rows(side, 26 * unit, column.height - side - 26 * unit)
        power = Box(disc.x + (disc.width - side) / 2, disc.y, side, side)
    top, middle, bottom = sliders.rows(1, 1, 1)
    return MainLayout(headline, connection, power, words, notice, (top, middle, bottom))


def place_popup(width: float, height: float, groups: int, qr_modules: int) -> PopupLayout:
    """Return the popup for a window, a code of ``groups`` and a QR code of ``qr_modules`` cells a side, 0 for none."""
    unit = unit_of(width, height)
    gap = _GAP * unit
    frame = _FRAME * unit  # space for the frame of light that identifies the lamp
    inside = Box(10 * unit, frame, width - 20 * unit, height - gap - frame)
    header = (_HEADER - 2 * _GAP) * unit  # vertically centred on the mark
    foot = _FOOT * unit
    code_share = 0.63 if groups > 2 else 0.56
    if not qr_modules:
        rest = inside.height - header - foot - 3 * gap
        shares = code_share * rest, (1 - code_share) * rest
        title, code, instruction, below = inside.rows(header, *shares, foot, gap=gap)
        identity, hint = below.columns(2, 3, gap=gap)
        return PopupLayout(_beside_mark(title, unit), code, instruction, None, identity, hint)
    if height >= width:
        side = _qr_side(qr_modules, inside.height - header - foot - 4 * gap - (_LEAST_CODE + 34) * unit, unit)
        rest = inside.height - header - foot - side - 4 * gap
        shares = code_share * rest, (1 - code_share) * rest
        title, code, instruction, middle, below = inside.rows(header, *shares, side, foot, gap=gap)
        qr = Box(middle.x + (middle.width - side) / 2, middle.y, side, side)
        identity, hint = below.columns(2, 3, gap=gap)
        return PopupLayout(_beside_mark(title, unit), code, instruction, qr, identity, hint)
    side = _qr_side(qr_modules, inside.height - header - 2 * gap - _LEAST_CODE * unit, unit)
    rest = inside.height - side - 2 * gap
    title, code, below = inside.rows(header, rest - header, side, gap=gap)
    words, qr = below.columns(below.width - side - 2 * gap, side, gap=2 * gap)
    words = Box(words.x + 4 * unit, words.y, words.width - 4 * unit, words.height)
    instruction, badge, hint = words.rows(52, 26, 40, gap=gap)
    identity = Box(badge.x, badge.y, min(badge.width, _BADGE_WIDTH * unit), badge.height)
    return PopupLayout(_beside_mark(title, unit), code, instruction, qr, identity, hint)


def place_status(width: float, height: float, lines: Sequence[int], *, hold: bool = False) -> StatusLayout:
    """Return the status page for a window; ``lines`` are the lines of each row's value, always 1 in landscape."""
    unit = unit_of(width, height)
    header, body = _header_and_body(width, height)
    title, close = header.columns(header.width - _CLOSE_WIDTH * unit, _CLOSE_WIDTH * unit)
    portrait, gap, button = height >= width, _GAP * unit, None
    advice_height = (58 if portrait else FINGER if hold else 42) * unit
    advice, facts = body.rows(advice_height, body.height - advice_height - gap, gap=gap)
    if hold and portrait:
        facts, button = facts.rows(facts.height - (FINGER + _GAP) * unit, FINGER * unit, gap=gap)
    elif hold:
        advice, button = advice.columns(58, 42, gap=2 * gap)
    rows = _stack(facts, [max(STATUS_LINE, VALUE_LINE * count if portrait else 0) for count in lines], unit)
    name = _NAME_WIDTH * unit
    return StatusLayout(title, close, advice, button, tuple(_name_and_value(row, name) for row in rows))


def place_dialog(width: float, height: float) -> DialogLayout:
    """Return a dialog for a window."""
    unit = unit_of(width, height)
    title, body = _header_and_body(width, height)
    gap, finger = _GAP * unit, FINGER * unit
    if height >= width:
        words, confirm, close = body.rows(body.height - 2 * (finger + gap), finger, finger, gap=gap)
    else:
        words, below = body.rows(body.height - finger - gap, finger, gap=gap)
        close, confirm = below.columns(1, 1, gap=2 * gap)
    return DialogLayout(title, words, confirm, close)


def _name_and_value(row: Box, name: float) -> tuple[Box, Box]:
    first, second = row.columns(name, row.width - name)
    return first, second


def _stack(column: Box, heights: Sequence[float], unit: float) -> list[Box]:
    """Return rows from the top of a column, with the given heights if there is enough space."""
    gaps = max(1, len(heights) - 1)
    text = min(unit * sum(heights), column.height - _LEAST_ROW_GAP * unit * gaps)
    gap = min(_MARGIN * unit, (column.height - text) / gaps)
    height = text + gap * (len(heights) - 1)
    return Box(column.x, column.top - height, column.width, height).rows(*heights, gap=gap)


def _qr_side(modules: int, room: float, unit: float) -> float:
    """Return the side of a QR code's box: as many whole pixels per cell as fit, and at least the minimum."""
    cells = modules + 2 * QUIET_MODULES
    least = (cells * LEAST_MODULE_PIXELS + _ROUNDING) * unit
    return max(least, room // cells * cells)


def _header_and_body(width: float, height: float) -> tuple[Box, Box]:
    unit = unit_of(width, height)
    margin, header = _MARGIN * unit, _HEADER * unit
    return (
        Box(margin, height - header, width - margin - FINGER * unit, header),
        Box(margin, 8 * unit, width - 2 * margin, height - header - 8 * unit),
    )


def _beside_mark(title: Box, unit: float) -> Box:
    return Box(title.x + 2 * unit, title.y, title.width - (FINGER - 4) * unit, title.height)
