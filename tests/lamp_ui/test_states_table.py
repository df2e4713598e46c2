"""The table of the screen's states is true: its pictures are taken by the album, and its tests are there."""

import re
from pathlib import Path

from tests.support.screen import ROOT

TABLE = (ROOT / "lamp_ui" / "README.md").read_text(encoding="utf-8").partition("\n## States\n")[2]
ALBUM = (ROOT / "tests" / "support" / "album.py").read_text(encoding="utf-8")
PICTURES = set(re.findall(r"`([a-z0-9-]+)`", TABLE)) - {"on", "config"}


def test_each_picture_is_one_that_the_album_takes() -> None:
    assert len(PICTURES) > 20
    assert [name for name in PICTURES if f'"{name}"' not in ALBUM] == []


def test_each_test_is_there() -> None:
    there = "\n".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert named
    assert [name for name in named if f"def {name}(" not in there] == []
