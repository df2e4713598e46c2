"""`make translations`: adds new texts to the catalogues, removes those no longer used, and compiles the catalogues.

python -m tests.support.catalogues
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from cloud.errors import TranslatableError
from tests.support.pins import ROOT

LINE = 120


def shown_errors(kind: type[TranslatableError] = TranslatableError) -> Iterator[str]:
    """Yield the names of the errors that the page translates: their first argument is a text."""
    for each in kind.__subclasses__():
        yield each.__name__
        yield from shown_errors(each)


@dataclass(frozen=True)
class Domain:
    """The texts of one program. ``keywords`` are the functions whose first argument is a text."""

    name: str
    sources: Path
    locale: Path
    keywords: frozenset[str]
    template_options: dict[str, str] = field(default_factory=dict)

    def languages(self) -> list[str]:
        return sorted(path.name for path in self.locale.iterdir())

    def file(self, language: str, kind: str) -> Path:
        return self.locale / language / "LC_MESSAGES" / f"{self.name}.{kind}"

    def catalogue(self, language: str) -> Catalog:
        """Return what has been translated."""
        with self.file(language, "po").open("rb") as file:
            return read_po(file, locale=language)

    def texts(self) -> set[str]:
        """Return the English texts of the code."""
        return {str(message.id) for message in self.template() if message.id}

    def words(self, language: str) -> Callable[[str], str]:
        """Return the translation from English to a language, or to English itself."""
        if language not in self.languages():
            return str
        return {str(message.id): str(message.string) for message in self.catalogue(language)}.__getitem__

    def template(self) -> Catalog:
        """Return the texts of the code and the templates."""
        found = Catalog()
        texts = extract_from_dir(
            self.sources,
            [("**.py", "python"), ("**/templates/**.html", "jinja2")],
            {"**/templates/**.html": self.template_options},
            keywords={keyword: (1, 2) if keyword == "ngettext" else None for keyword in self.keywords},
        )
        for _file, _line, text, _comments, _context in texts:
            found.add(text)
        return found

    def update(self, language: str) -> None:
        """Write a language's catalogue and its compiled form."""
        catalogue, template = self.catalogue(language), self.template()
        template.creation_date = catalogue.creation_date
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        with self.file(language, "po").open("wb") as file:
            write_po(file, catalogue, width=LINE, no_location=True, ignore_obsolete=True)
        with self.file(language, "mo").open("wb") as file:
            write_mo(file, catalogue)


SCREEN = Domain("lamp_ui", ROOT / "lamp_ui", ROOT / "lamp_ui" / "locale", frozenset({"say", "_say"}))
PAGE = Domain(
    "web",
    ROOT / "cloud",
    ROOT / "cloud" / "web" / "locale",
    frozenset({"_", "gettext", "ngettext", "lazy_gettext", "translatable", *shown_errors()}),
    {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"},
)
DOMAINS = (SCREEN, PAGE)


if __name__ == "__main__":
    for domain in DOMAINS:
        for language in domain.languages():
            domain.update(language)
