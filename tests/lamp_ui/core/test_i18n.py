"""Translations: one catalogue, every language complete, and compiled files that match their sources."""

import re
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from lamp_ui.core.i18n import CATALOGUES, DEFAULT_LANGUAGE, LANGUAGES, hue_name, language_of, load_words, percent

OTHERS = sorted(LANGUAGES.keys() - {DEFAULT_LANGUAGE})
KEYWORDS = {"say": None, "_say": None}


def spoken_in_the_code() -> set[str]:
    found = extract_from_dir(CATALOGUES.parent, keywords=KEYWORDS)
    return {str(message) for _, _, message, _, _ in found}


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "lamp_ui.po").open("rb") as file:
        return read_po(file, locale=language)


def texts(words: Catalog) -> dict[str, str]:
    return {str(message.id): str(message.string) for message in words if message.id}


def fields(text: str) -> set[str | None]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


def test_there_are_words() -> None:
    assert {"This lamp is yours", "Hue", "Associate your Lamp"} <= spoken_in_the_code()


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_is_complete_and_has_nothing_else(language: str) -> None:
    there = texts(catalogue(language))
    assert there.keys() == spoken_in_the_code()
    assert [english for english, words in there.items() if not words] == []
    assert [english for english, words in there.items() if fields(english) != fields(words)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_has_the_texts_of_the_source(language: str) -> None:
    # Not its header, in which Babel writes its own version.
    with (CATALOGUES / language / "LC_MESSAGES" / "lamp_ui.mo").open("rb") as file:
        compiled = read_mo(file)
    assert texts(compiled) == texts(catalogue(language)), "pybabel compile -d lamp_ui/locale -D lamp_ui"


def test_no_words_are_spelled_past_the_catalogue() -> None:
    # Every capital that begins a text for the screen stands in a call of say().
    for name in ("presenter", "lamp_screen", "popup", "status_page"):
        source = (CATALOGUES.parent / "core" / f"{name}.py").read_text(encoding="utf-8")
        literals = re.findall(r'(\w*)\(?"([A-Z][a-z]+[^"{}]*)"', re.sub(r'""".*?"""', "", source, flags=re.DOTALL))
        assert [words for call, words in literals if call not in KEYWORDS] == []


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
