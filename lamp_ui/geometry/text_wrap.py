"""Balances the lengths of lines. Pure arithmetic, no Kivy."""

from collections.abc import Sequence

_NARROWER = 0.98
"""The factor by which each attempt narrows the width."""


def even_width(words: Sequence[float], space: float, width: float, lines: int) -> float:
    """Return approximately the narrowest width in which words need no more than ``lines``, to avoid a lone last word.

    ``words`` are the words' widths and ``space`` the width of a space, in pixels. If the words need more lines in
    ``width``, it is returned unchanged.
    """
    least = max([1.0, *words])
    while (narrower := width * _NARROWER) >= least and count_lines(words, space, narrower) <= lines:
        width = narrower
    return width


def count_lines(words: Sequence[float], space: float, width: float) -> int:
    """Return how many lines words need; a word that is wider than a line gets its own line."""
    lines, room = 0, -1.0
    for word in words:
        if space + word > room:
            lines, room = lines + 1, width + space
        room -= space + word
    return lines
