"""The words on the screen, in the person's language: English in the code, others from the catalogues (gettext)."""

import gettext
from collections.abc import Callable, Mapping
from pathlib import Path

DOMAIN = "lamp_ui"
CATALOGUES = Path(__file__).with_name("locale")

LANGUAGES = {"en": "English", "de": "Deutsch"}
DEFAULT_LANGUAGE = "en"

Say = Callable[[str], str]
"""From the English words to those that the screen shows."""


def load_words(language: str) -> Say:
    """Return the words of one of `LANGUAGES`."""
    if language == DEFAULT_LANGUAGE:
        return str
    return gettext.translation(DOMAIN, CATALOGUES, [language]).gettext


def spoken_here(environment: Mapping[str, str]) -> str:
    """Return the language that an environment asks for, as POSIX says, or the default where it is not known."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            language = environment[name][:2].lower()
            return language if language in LANGUAGES else DEFAULT_LANGUAGE
    return DEFAULT_LANGUAGE


def hue_name(hue: float, say: Say) -> str:
    """Return what a person calls a hue, from 0 to 1: twelve names, each for a twelfth of the circle."""
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
    """Return a share, from 0 to 1, as a person writes it."""
    return say("{percent}%").format(percent=round(100 * share))
