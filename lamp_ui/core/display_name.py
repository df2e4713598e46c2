"""A lamp's name as a line that a screen can draw: any script, any length. Knows no Kivy."""

import logging
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from unicodedata import bidirectional, category, combining

log = logging.getLogger(__name__)

ELLIPSIS = "…"
_JOINER, _NON_JOINER = "\u200d", "\u200c"
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Invisible characters that count as letters or symbols."""
_RIGHT_TO_LEFT = ("R", "AL", "AN")


def plain(name: str) -> str:
    """Return a name as one line: without control characters, and with single spaces."""
    return " ".join("".join(" " if category(each) in ("Cc", "Zl", "Zp") else each for each in name).split())


def drawable(name: str, font: Path) -> str:
    """Return a name without the characters that a font file lacks; empty if nothing visible remains.

    Invisible characters remain only between two letters, where they join or separate them.
    """
    there = _characters_of(font)
    kept = [each for each in name if ord(each) in there]
    line = "".join(each for at, each in enumerate(kept) if _is_drawn(kept, at))
    return " ".join(line.split()) if any(_is_visible(each) for each in line) else ""


def shortened(name: str, fits: Callable[[str], bool]) -> str:
    """Return a name, or as much of its beginning as fits with an ellipsis; accents stay with their letters."""
    if fits(name):
        return name
    ends = [0, *(at for at in range(1, len(name)) if _may_end(name, at))]
    smallest, largest = 0, len(ends) - 1
    while smallest < largest:
        middle = (smallest + largest + 1) // 2
        candidate = name[: ends[middle]].rstrip() + ELLIPSIS
        smallest, largest = (middle, largest) if fits(candidate) else (smallest, middle - 1)
    return name[: ends[smallest]].rstrip() + ELLIPSIS


@lru_cache(maxsize=256)
def in_drawing_order(name: str) -> str:
    """Return a name's characters in drawing order, from left to right: Hebrew reversed, Arabic also joined."""
    if not any(bidirectional(each) in _RIGHT_TO_LEFT for each in name):
        return name
    try:
        return _arranged(name)
    except Exception:  # no name may end the program, whatever exception a library raises
        log.exception("Can't arrange a name of %d characters for drawing; showing it as received", len(name))
        return name


def _arranged(name: str) -> str:
    import arabic_reshaper  # noqa: PLC0415  # only a lamp with such a name pays for these
    from bidi import get_display  # noqa: PLC0415

    # The available fonts lack the ligature of the word Allah, and the reshaper fails at a joiner before some ligatures.
    reshaper = arabic_reshaper.ArabicReshaper(configuration={"ARABIC LIGATURE ALLAH": False})
    return str(get_display(reshaper.reshape(name.replace(_JOINER, ""))))


def _is_drawn(characters: Sequence[str], at: int) -> bool:
    """Return whether a character is drawn, or joins or separates two letters."""
    if category(characters[at]) not in ("Cf", "Mn") or combining(characters[at]):
        return True
    if characters[at] not in (_JOINER, _NON_JOINER):
        return category(characters[at]) == "Mn" and not "\ufe00" <= characters[at] <= "\ufe0f"
    neighbours = [characters[beside] for beside in (at - 1, at + 1) if 0 <= beside < len(characters)]
    return len(neighbours) == 2 and all(category(each)[0] in "LM" for each in neighbours)


def _is_visible(character: str) -> bool:
    return category(character)[0] in "LNPS" and character not in _BLANKS


def _may_end(name: str, at: int) -> bool:
    """Return whether a name may be cut before an index, and not within one visible character."""
    after = name[at]
    return not (combining(after) or category(after) in ("Mn", "Me") or _JOINER in (after, name[at - 1]))


@cache
def _characters_of(font: Path) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415  # see above

    with TTFont(font, lazy=True) as opened:
        return frozenset(opened.getBestCmap())
