"""A lamp's name as a line that a screen can draw: any script, any length. Knows no Kivy."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from unicodedata import bidirectional, category, combining

ELLIPSIS = "…"
_JOINER = "\u200d"
_RIGHT_TO_LEFT = ("R", "AL", "AN")


def plain(name: str) -> str:
    """Return a name as one line: without control characters, and with single spaces."""
    return " ".join("".join(" " if category(each) in ("Cc", "Zl", "Zp") else each for each in name).split())


def drawable(name: str, font: Path) -> str:
    """Return a name without the characters that a font file does not have; what no font draws is left out, too."""
    there = _characters_of(font)
    return " ".join("".join(each for each in name if ord(each) in there).split())


def shortened(name: str, fits: Callable[[str], bool]) -> str:
    """Return a name, or as much of its beginning as fits with an ellipsis; no letter loses its accent."""
    if fits(name):
        return name
    ends = [at for at in range(len(name)) if _may_end(name, at)]
    smallest, largest = 0, len(ends) - 1
    while smallest < largest:
        middle = (smallest + largest + 1) // 2
        candidate = name[: ends[middle]].rstrip() + ELLIPSIS
        smallest, largest = (middle, largest) if fits(candidate) else (smallest, middle - 1)
    return name[: ends[smallest]].rstrip() + ELLIPSIS


def in_drawing_order(name: str) -> str:
    """Return a name's characters from left to right as they are drawn: Hebrew turned round, Arabic joined as well."""
    if not any(bidirectional(each) in _RIGHT_TO_LEFT for each in name):
        return name
    import arabic_reshaper  # noqa: PLC0415  # only a lamp with such a name pays for these
    from bidi import get_display  # noqa: PLC0415

    return str(get_display(arabic_reshaper.reshape(name)))


def _may_end(name: str, at: int) -> bool:
    """Tell whether the beginning of a name may end before a place, and not within one visible character."""
    after = name[at]
    return not (combining(after) or category(after) in ("Mn", "Me") or _JOINER in (after, name[at - 1] if at else ""))


@cache
def _characters_of(font: Path) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415  # see above

    with TTFont(font, lazy=True) as opened:
        return frozenset(opened.getBestCmap())
