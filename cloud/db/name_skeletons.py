"""Skeletons of names: names that look alike have the same skeleton (Unicode's UTS 39, section 4)."""

import re
import unicodedata
from functools import cache

_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]")
"""Unicode's blocks of combining diacritical marks, and variation selectors. UTS 39 keeps visible marks, but a dot is
easily missed in a list of names. Vowel signs, as of Hebrew or Hindi, are in other blocks."""

_ACROSS_CASES = str.maketrans("i", "l")
"""A capital i looks like a small L, and names are the same in any case."""

_DIRECTION = "\N{LEFT-TO-RIGHT MARK}"
"""The library's table, as Unicode's file, has it around characters that are written from right to left."""


def name_skeleton(name: str) -> str:
    """Return a key that is equal for names that look alike, in any case and with any accents."""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name.strip()))
    mapped = "".join(map(_prototype, decomposed))
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", mapped))
    return bare.casefold().translate(_ACROSS_CASES)


@cache
def _prototype(character: str) -> str:
    """Return the prototype of a character: the text that represents all characters that look like it.

    The library has Unicode's table in both directions: a prototype with its many characters, and each of these with its
    one prototype. Where two characters have only each other, either can represent both.
    """
    alike = _alike(character)
    if len(alike) != 1:
        return character
    (other,) = alike
    if len(other) > 1 or len(_alike(other)) > 1:
        return other
    return min(character, other)


def _alike(character: str) -> list[str]:
    # Imported here: the table takes 10 MB, and most processes need no skeleton.
    from confusable_homoglyphs.confusables import confusables_data  # noqa: PLC0415

    found = confusables_data.get(character) or confusables_data.get(f"{_DIRECTION}{character}{_DIRECTION}", [])
    return [each["c"].strip(_DIRECTION) for each in found]
