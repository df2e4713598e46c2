"""What the page's code says is translated: each text is a literal that the catalogue has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import web
from tests.support.catalogues import PAGE

FOR_OPERATORS = {"proxy", "server", "settings"}
"""Modules of `cloud/web` whose texts are for operators, in English like the commands."""

NAMES = {"user_agents"}
"""Modules whose texts are names, the same in all languages."""

WEB = [path for path in sorted(Path(web.__file__).parent.glob("*.py")) if path.stem not in FOR_OPERATORS | NAMES]
SENTENCE = re.compile(r"[A-Z][a-z']+( .*|.*[.?!])", re.DOTALL)


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def calls_in(source: str, names: frozenset[str] | set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and name_of(node) in names:
            yield node


def composed_in(source: str) -> Iterator[str]:
    """Yield the texts for the page that are no literals, nor constants marked as `translatable`."""
    constants = {
        target.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and name_of(node.value) == "translatable"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in calls_in(source, PAGE.keywords):
        for text in call.args[:1]:
            is_unmarked = isinstance(text, ast.Name) and text.id.isupper() and text.id not in constants
            is_formatted = isinstance(text, ast.Call) and name_of(text) == "format"
            if is_unmarked or is_formatted or isinstance(text, ast.JoinedStr | ast.BinOp | ast.BoolOp | ast.IfExp):
                yield ast.unparse(text)


def untranslated_in(source: str) -> Iterator[str]:
    """Yield the sentences that are neither looked up, nor logged, nor a docstring."""
    tree = ast.parse(source)
    found: dict[int, str] = {}
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_log = isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.")
        if isinstance(node, ast.Call) and (is_log or name_of(node) in PAGE.keywords | {"DatabaseAway"}):
            skipped |= {id(inner) for argument in node.args for inner in ast.walk(argument)}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.fullmatch(node.value):
            found[id(node)] = node.value
    yield from (text for key, text in found.items() if key not in skipped)


@pytest.mark.parametrize("path", sorted(PAGE.sources.rglob("*.py")), ids=lambda path: path.stem)
def test_texts_for_the_page_are_whole(path: Path) -> None:
    assert list(composed_in(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", WEB, ids=lambda path: path.stem)
def test_the_page_says_nothing_past_the_catalogue(path: Path) -> None:
    assert list(untranslated_in(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        'f"Not {name}."',
        '"Not %s." % name',
        '"Not " + name',
        "_TEXT",
        '"This." if x else "That."',
        '"Not {}.".format(name)',
    ],
)
def test_composed_texts_are_found(text: str) -> None:
    assert list(composed_in(f'_TEXT = "Not this."\nraise BadPassword({text})'))


def test_whole_texts_are_not() -> None:
    assert list(composed_in('_TEXT = translatable("A.")\nraise BadPassword(_TEXT)\ngettext("B %(c)s.", c=1)')) == []


def test_sentences_are_found() -> None:
    source = '"""A docstring."""\nflash("You are signed out.")\nflash(gettext("Welcome."))\nlog.error("Database error")'
    assert list(untranslated_in(source)) == ["You are signed out."]
