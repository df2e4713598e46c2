"""No words for people stand in the templates without being translated."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from cloud import web

WEB = Path(web.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))
READ_BY_PEOPLE = {"alt", "label", "placeholder", "title"}
READ_BY_SCRIPTS = {"data-problem"}
"""With a browser's name for what went wrong."""
WORDS = re.compile(r"\b[A-Z][a-z]")
"""What people read starts with a capital; values for scripts and styles don't."""
NOT_READ = re.compile(r"\bLAMPI\b|class=\"[a-z ]*\"")
"""The name, and what the block `shape` adds to a tag."""

LOOKED_UP = {"_", "gettext", "ngettext"}


class Words(HTMLParser):
    """Collects what people would read of a template's own text, without its expressions."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            is_read = name in READ_BY_PEOPLE or name.startswith(("aria-", "data-"))
            if is_read and name not in READ_BY_SCRIPTS and value and WORDS.search(value):
                self.found.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        if re.search(r"[^\W\d_]", NOT_READ.sub("", data)):
            self.found.append(data.strip())


def words_in(template: str) -> Iterator[str]:
    """Yield the words of a template that are not translated."""
    tree = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(template)
    parser = Words()
    parser.feed("".join(data.data for data in tree.find_all(nodes.TemplateData)))
    yield from parser.found
    yield from constants_in(tree)


def constants_in(node: nodes.Node) -> Iterator[str]:
    """Yield the strings in expressions that look like words for people."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Call) and isinstance(child.node, nodes.Name) and child.node.name in LOOKED_UP:
            continue
        if isinstance(child, nodes.Const) and isinstance(child.value, str) and WORDS.search(child.value):
            yield child.value
        yield from constants_in(child)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_templates_translate_their_words(template: Path) -> None:
    assert list(words_in(template.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "template",
    [
        "<p>Sign in</p>",
        "<p>{% if x %}in{% endif %}</p>",
        '<a title="Sign in"></a>',
        '<a aria-label="Rename {{ name }}"></a>',
        '<p data-lost="The connection was lost."></p>',
        '{{ "Connected" if x else _("Not connected") }}',
        '{{ input(form.name, "Username") }}',
    ],
)
def test_words_are_found(template: str) -> None:
    assert list(words_in(template))


def test_translated_words_are_none() -> None:
    template = (
        '<a aria-label="{{ _("Rename %(name)s", name=name) }}" data-live="{{ state }}" class="first wide">LAMPI</a>'
        "{% trans name=name %}Release <bdi>{{ name }}</bdi>?{% endtrans %}"
    )
    assert list(words_in(template)) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_no_words(script: Path) -> None:
    literals = re.findall(r"'[^'\n]*'|`[^`]*`|\"[^\"\n]*\"", re.sub(r"//.*", "", script.read_text(encoding="utf-8")))
    assert literals
    assert [literal for literal in literals if re.search(r"[A-Z][a-z']+[ .!?…]", literal)] == []
