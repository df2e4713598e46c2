"""Rules for the names that people choose when they sign up, or bring from a course site."""

import unicodedata
from itertools import groupby

from fontTools.unicodedata import script_extension
from precis_i18n import get_profile

from cloud.errors import BadUserName, translatable

SHORTEST = 2
LONGEST = 40

LONGEST_OF_COURSE = 150
"""As in Django."""

_CHARACTERS = translatable("A username can contain only letters, digits, dots, hyphens and underscores.")
_PROFILE = get_profile("UsernameCasePreserved")
"""RFC 8265. Refuses characters that are invisible or obsolete, and changes of direction."""

_MOST_MARKS = 4
"""Nonspacing marks on one letter (UTS 39, section 5.4); more would cover the lines above and below."""

_ANY_SCRIPT = {"Zyyy", "Zinh"}
"""ISO 15924 codes of characters that belong to all scripts, or inherit the script of their neighbour."""

_SYSTEMS = {
    "Hani": {"Hanb", "Jpan", "Kore"},
    "Hira": {"Jpan"},
    "Kana": {"Jpan"},
    "Hang": {"Kore"},
    "Bopo": {"Hanb"},
}
"""Writing systems that use several scripts (UTS 39, "augmented script sets")."""


def normalized(name: str) -> str:
    """Return a name in the form in which it is stored.

    Raises:
        BadUserName: the name is too short, too long, has characters that are not allowed, or mixes scripts, since a
            Cyrillic letter in a Latin name can imitate another user's name.
    """
    return _normalized(name, SHORTEST, LONGEST, "._-")


def normalized_of_course(name: str) -> str:
    """Return the name of a course site's user in the form in which it is stored.

    It may be as short and as long as there, and may be an email address.

    Raises:
        BadUserName: see `normalized`.
    """
    return _normalized(name, 1, LONGEST_OF_COURSE, "._-@+")


def _normalized(name: str, shortest: int, longest: int, punctuation: str) -> str:
    name = unicodedata.normalize("NFKC", name).strip()
    if not shortest <= len(name) <= longest:
        raise BadUserName(
            "A username must have %(shortest)s to %(longest)s characters.", shortest=shortest, longest=longest
        )
    kinds = [unicodedata.category(character)[0] for character in name]
    if not all(kind in "LMN" or character in punctuation for kind, character in zip(kinds, name, strict=True)):
        raise BadUserName(_CHARACTERS)
    try:
        name = _PROFILE.enforce(name)
    except UnicodeEncodeError as refused:
        if "bidi" in refused.reason:
            raise BadUserName(
                "A username with right-to-left letters must start with one of them, can't contain left-to-right "
                "letters, and must end with a letter or digit."
            ) from None
        raise BadUserName(_CHARACTERS) from None
    if kinds[0] not in "LN":
        raise BadUserName("A username must start with a letter or digit.")
    if not _has_one_script(name):
        raise BadUserName("A username can't mix letters from different scripts.")
    if _has_stacked_marks(name):
        raise BadUserName(
            "A username can't have more than %(most)s marks on a letter, nor one of them twice.", most=_MOST_MARKS
        )
    return name


def _has_one_script(name: str) -> bool:
    """Return whether all letters can belong to one writing system: a "single script" of Unicode's UTS 39."""
    possible: set[str] | None = None
    for character in name:
        scripts = script_extension(character)
        if scripts & _ANY_SCRIPT:
            continue
        for script, systems in _SYSTEMS.items():
            if script in scripts:
                scripts = scripts | systems
        possible = scripts if possible is None else possible & scripts
    return possible is None or bool(possible)


def _has_stacked_marks(name: str) -> bool:
    """Return whether a letter has too many nonspacing marks, or the same one twice, which is drawn as one."""
    runs = groupby(unicodedata.normalize("NFD", name), lambda character: unicodedata.category(character) == "Mn")
    stacks = [list(run) for are_marks, run in runs if are_marks]
    return any(len(marks) > _MOST_MARKS or len(set(marks)) < len(marks) for marks in stacks)
