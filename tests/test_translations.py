"""The catalogues of the screen and of the page: complete, compiled, and in the same words."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from tests.support.catalogues import DOMAINS, PAGE, SCREEN, Domain

CATALOGUES = [pytest.param(domain, language) for domain in DOMAINS for language in domain.languages()]
Forms = tuple[str, ...]

SAME_WORDS = {
    "de": {
        r"lamps?(?!( service|'s service))": r"Lampen?|Lampi",
        r"lamp's service": r"Lampendienst|Dienst",
        r"lamp service|daemon": r"(Cloud-)?Dienst",
        r"screen(?! seems to use this ID)": r"Bildschirm",
        r"(QR )?codes?": r"Codes?",
        r"associate[ds]?": r"verknüpf",
        r"lamp is yours": r"gehört dir",
        r"resets?|released?": r"Freigabe|freigeben|freigegeben",
        r"account": r"Konto",
        r"connected|connection": r"verbunden|Verbindung",
        r"network": r"Netzwerk",
        r"expired": r"abgelaufen",
        r"hue": r"Farbton",
        r"saturation": r"Sättigung",
        r"brightness": r"Helligkeit",
    }
}
"""By language: English terms and what translates them, on the screen as on the page. Without regard to case."""

FORMAL_ADDRESS = re.compile(r"(?<=[^.?!:] )(Sie|Ihnen|Ihr(e[mnrs]?)?)\b")


def texts(words: Catalog) -> dict[Forms, Forms]:
    return {forms(message.id): forms(message.string) for message in words if message.id}


def forms(text: object) -> Forms:
    """Return the one form of a text, or singular and plural."""
    return tuple(map(str, text)) if isinstance(text, list | tuple) else (str(text or ""),)


def pairs(language: str) -> list[tuple[str, str]]:
    """Return all texts of both programs, English and translated, each plural form by itself."""
    entries = [entry for domain in DOMAINS for entry in texts(domain.catalogue(language)).items()]
    return [pair for english, words in entries for pair in zip(english, words, strict=False)]


@pytest.mark.parametrize(("domain", "language"), CATALOGUES)
def test_a_language_has_every_text_and_no_other(domain: Domain, language: str) -> None:
    catalogue = domain.catalogue(language)
    assert texts(catalogue).keys() == texts(domain.template()).keys(), "make translations"
    assert [english for english, words in texts(catalogue).items() if not all(words)] == []
    assert [message.id for message in catalogue if message.fuzzy] == []
    assert list(catalogue.obsolete) == []


@pytest.mark.parametrize(("domain", "language"), CATALOGUES)
def test_translations_have_the_placeholders_and_the_markup_of_the_english(domain: Domain, language: str) -> None:
    assert [(message.id, faults) for message, faults in domain.catalogue(language).check()] == []
    for english, words in pairs(language):
        for pattern in (r"%\(\w+\)\w", r"\{\w*\}", r"<[^>]*>"):
            assert sorted(re.findall(pattern, english)) == sorted(re.findall(pattern, words)), english


@pytest.mark.parametrize(("domain", "language"), CATALOGUES)
def test_the_compiled_catalogue_has_the_texts_of_the_source(domain: Domain, language: str) -> None:
    # Not its header, in which Babel writes its own version.
    with domain.file(language, "mo").open("rb") as file:
        assert texts(read_mo(file)) == texts(domain.catalogue(language)), "make translations"


def test_plural_forms_and_multiline_texts_are_found(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '{{ ngettext("%(num)d lamp", "%(num)d lamps", count) }}\n'
        "{% trans count=tokens %}{{ count }} token{% pluralize %}{{ count }} tokens{% endtrans %}\n"
        "{% trans %}\n  Two\n  lines\n{% endtrans %}\n"
    )
    (tmp_path / "errors.py").write_text(
        'raise BadPassword("Not %(this)s.", this=1)\nraise BadPassword(f"Not {that}.")\n'
    )
    assert set(texts(replace(PAGE, sources=tmp_path).template())) == {
        ("%(num)d lamp", "%(num)d lamps"),
        ("%(count)s token", "%(count)s tokens"),
        ("Two lines",),
        ("Not %(this)s.",),
    }


def test_screen_and_page_have_the_same_languages() -> None:
    assert SCREEN.languages() == PAGE.languages() == sorted(SAME_WORDS)


@pytest.mark.parametrize("language", SAME_WORDS)
def test_screen_and_page_use_the_same_words(language: str) -> None:
    screen, page = texts(SCREEN.catalogue(language)), texts(PAGE.catalogue(language))
    shared = screen.keys() & page.keys()
    assert {("This lamp is yours",), ("Is this the lamp?",)} <= shared
    assert {text: screen[text] for text in shared} == {text: page[text] for text in shared}
    for term, translated in SAME_WORDS[language].items():
        named = [pair for pair in pairs(language) if re.search(rf"\b({term})\b", pair[0], re.IGNORECASE)]
        assert named, term
        assert [pair for pair in named if not re.search(translated, pair[1], re.IGNORECASE)] == [], term


def test_german_is_informal_and_has_its_own_quotation_marks() -> None:
    for english, german in pairs("de"):
        assert not FORMAL_ADDRESS.search(german), german
        assert german.count("„") == german.count("“") == english.count("“"), german
        assert not re.search(r"[”\"]|(?<! )…", german), german
