"""Translations of the screen. `tests/test_translations.py` checks that the catalogues are complete."""

import re

import pytest

from lamp_ui.core.i18n import CATALOGUES, DEFAULT_LANGUAGE, LANGUAGES, hue_name, language_of, load_words, percent
from tests.support.catalogues import SCREEN


def test_no_words_are_spelled_past_the_catalogue() -> None:
    # Every capital that begins a text for the screen stands in a call of say().
    for name in ("presenter", "lamp_screen", "popup", "status_page", "reset_dialog"):
        source = (CATALOGUES.parent / "core" / f"{name}.py").read_text(encoding="utf-8")
        literals = re.findall(r'(\w*)\(?"([A-Z][a-z]+[^"{}]*)"', re.sub(r'""".*?"""', "", source, flags=re.DOTALL))
        assert [words for call, words in literals if call not in SCREEN.keywords] == []


def test_every_language_has_a_catalogue() -> None:
    assert SCREEN.languages() == sorted(LANGUAGES.keys() - {DEFAULT_LANGUAGE})


def test_both_languages_speak() -> None:
    assert load_words("en")("This lamp is yours") == "This lamp is yours"
    assert load_words("de")("This lamp is yours") == "Diese Lampe gehört dir"


def test_hues_and_shares_have_words() -> None:
    assert [hue_name(hue, str) for hue in (0, 0.04, 0.05, 1 / 3, 0.66, 0.99, 1)] == [
        *("Red", "Red", "Orange", "Green", "Blue", "Red", "Red"),
    ]
    assert percent(0.756, load_words("en")) == "76%"
    assert percent(0.756, load_words("de")) == "76\u00a0%"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "de_AT.UTF-8"}, "de"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "de_DE", "LC_ALL": "en_GB"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "en_GB", "LC_ALL": ""}, "en"),
    ],
)
def test_the_language_is_that_of_the_environment(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language
