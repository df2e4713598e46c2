"""Layout of a code in a monospaced font, as large as possible. Pure arithmetic, no Kivy."""

from dataclasses import dataclass
from math import ceil

GLYPH_WIDTH = 0.632
"""Width of a character of Atkinson Hyperlegible Mono, in font sizes (its advance: 632 of 1000 units)."""

GROUP_GAP = 0.25
"""Gap between two groups, in font sizes: less than half a character, so that it is not typed as a space. The code field
of a stock site takes six characters and no more."""

LINE_STEP = 1.12
"""Line height, in font sizes; codes have no descenders."""


@dataclass(frozen=True)
class CodeLayout:
    """Groups in ``columns`` on each line, in a font of ``font_size`` pixels."""

    columns: int
    font_size: float


def lay_out_code(groups: int, group_length: int, width: float, height: float) -> CodeLayout:
    """Return the largest layout of a code's groups in a box (pixels).

    Two groups always stand side by side: `b71 e09` is read as one code.
    """
    return max(
        (
            CodeLayout(columns, _font_size(columns, ceil(groups / columns), group_length, width, height))
            for columns in range(min(2, groups), groups + 1)
        ),
        key=lambda layout: layout.font_size,
    )


def _font_size(columns: int, lines: int, group_length: int, width: float, height: float) -> float:
    line_width = columns * group_length * GLYPH_WIDTH + (columns - 1) * GROUP_GAP
    return min(width / line_width, height / (lines * LINE_STEP))
