"""The tables of states: each row has pictures, at every size and in both languages, and a test; no picture is left."""

import re
from pathlib import Path

import pytest
from PIL import Image

from lamp_ui.core.i18n import LANGUAGES
from tests.support.album import SIZES
from tests.support.catalogues import SCREEN
from tests.support.screen import ROOT

README = (ROOT / "lamp_ui" / "README.md").read_text(encoding="utf-8")
STATES = README.partition("\n## States\n")[2]
SCREENSHOTS = ROOT / "lamp_ui" / "screenshots"
WITHOUT_A_ROW = {"dimmed"}
"""Pictures of what the tables don't list: dimming is a column."""


def rows() -> list[dict[str, str]]:
    """Return every row of every table by the names of its columns."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", STATES, re.MULTILINE):
        header, _, *lines = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines())
        found += [dict(zip(header, line, strict=True)) for line in lines]
    return found


def names(cell: str) -> list[str]:
    return re.findall(r"`([a-z0-9_-]+)`", cell)


ROWS = rows()
PICTURES = {name for row in ROWS for name in names(row["picture"])} | {
    name for name in names(STATES) if name.startswith("named")
}


def test_there_are_tables() -> None:
    assert len(ROWS) > 20
    assert len(PICTURES) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what is known"])
def test_each_row_has_a_picture_and_a_test(row: dict[str, str]) -> None:
    assert names(row["picture"])
    there = "\n".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.rglob("test_*.py"))
    tests = names(row["test"])
    assert tests
    assert [name for name in tests if f"def {name}(" not in there] == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pictures_are_there_and_no_others(language: str, size: str) -> None:
    files = sorted((SCREENSHOTS / language / size).glob("*"))
    assert {file.name for file in files} == {f"{name}.png" for name in PICTURES | WITHOUT_A_ROW}
    for file in files:
        with Image.open(file) as picture:
            assert f"{picture.width}x{picture.height}" == size


def test_each_row_of_the_status_page_has_a_picture_of_its_own() -> None:
    shown = [row["picture"] for row in ROWS if "what it says" in row]
    assert len(shown) == len(set(shown))


def test_each_sentence_is_one_that_the_screen_says() -> None:
    spoken = {_with_example(words) for words in SCREEN.texts()}
    cells = [cell for row in ROWS for cell in row.values()]
    quoted = {_with_example(words) for cell in cells for words in re.findall(r"\*([^*]+)\*", cell)}
    assert len(quoted) > 15
    assert quoted - spoken == set()


def _with_example(words: str) -> str:
    return re.sub(r"\{\w+\}", "40", words)
