"""The table of the screen's states is true: its pictures were taken, at every size, and its tests are there."""

import re
from pathlib import Path

import pytest

from lamp_ui.words import LANGUAGES
from tests.support.album import SIZES
from tests.support.screen import ROOT

TABLE = (ROOT / "lamp_ui" / "README.md").read_text(encoding="utf-8")
SCREENSHOTS = ROOT / "lamp_ui" / "screenshots"
PICTURES = {name for name in re.findall(r"`([a-z0-9-]+)`", TABLE) if name not in ("on", "config")}


def taken(language: str, size: str) -> set[str]:
    return {picture.stem for picture in (SCREENSHOTS / language / size).glob("*.png")}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_each_picture_was_taken_and_no_other_lies_about(language: str, size: str) -> None:
    assert taken(language, size) == PICTURES | {"dimmed"}


def test_each_test_is_there() -> None:
    there = "\n".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert named
    assert [name for name in named if f"def {name}(" not in there] == []
