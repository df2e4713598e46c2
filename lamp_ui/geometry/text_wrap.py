"""Lines of about the same length: pure arithmetic. Knows no Kivy."""

from collections.abc import Sequence

_NARROWER = 0.98
"""By how much the width shrinks from one try to the next."""


def even_width(words: Sequence[float], space: float, width: float, lines: int) -> float:
    """Return about the narrowest width in which words need no more than so many lines: none of them stands alone.

    ``words`` are their widths, ``space`` is that between two, all in pixels. Where they need more
    lines in ``width`` already, that is returned.
    """
    least = max([1.0, *words])
    while (narrower := width * _NARROWER) >= least and count_lines(words, space, narrower) <= lines:
        width = narrower
    return width


def count_lines(words: Sequence[float], space: float, width: float) -> int:
    """Return how many lines words need; what is wider than a line gets one of its own."""
    lines, room = 0, -1.0
    for word in words:
        if space + word > room:
            lines, room = lines + 1, width + space
        room -= space + word
    return lines
