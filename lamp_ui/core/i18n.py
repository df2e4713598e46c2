"""Translation of the text on the screen: English in the code, other languages from gettext catalogues."""

import gettext
from collections.abc import Callable, Mapping
from pathlib import Path

DOMAIN = "lamp_ui"
CATALOGUES = Path(__file__).parents[1] / "locale"

LANGUAGES = {"en": "English", "de": "Deutsch"}
DEFAULT_LANGUAGE = "en"

Say = Callable[[str], str]
"""Translates from English."""


def load_words(language: str) -> Say:
    """Return the translation to one of `LANGUAGES`."""
    if language == DEFAULT_LANGUAGE:
        return str
    return gettext.translation(DOMAIN, CATALOGUES, [language]).gettext


def language_of(environment: Mapping[str, str]) -> str:
    """Return the language that an environment sets (POSIX), or the default if that is not supported."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            language = environment[name][:2].lower()
            return language if language in LANGUAGES else DEFAULT_LANGUAGE
    return DEFAULT_LANGUAGE


def hue_name(hue: float, say: Say) -> str:
    """Return the name of a hue from 0 to 1: twelve names, each for a twelfth of the circle."""
    names = (
        say("Red"),
        say("Orange"),
        say("Yellow"),
        say("Lime"),
        say("Green"),
        say("Mint"),
        say("Cyan"),
        say("Azure"),
        say("Blue"),
        say("Violet"),
        say("Magenta"),
        say("Rose"),
    )
    return names[round(hue * len(names)) % len(names)]


def percent(share: float, say: Say) -> str:
    """Return a share from 0 to 1 as a percentage."""
    return say("{percent}%").format(percent=round(100 * share))
