"""Names of any length and script become a line that can be drawn."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from lamp_ui.core import display_name
from lamp_ui.core.display_name import drawable, in_drawing_order, plain, shortened

_spec = find_spec("kivy")
assert _spec is not None
assert _spec.origin is not None
FONTS = Path(_spec.origin).parent / "data" / "fonts"
MANY_SCRIPTS = FONTS / "DejaVuSans.ttf"


@pytest.mark.parametrize(
    ("name", "line"),
    [(" a \n b\t", "a b"), ("a\x00b", "a b"), ("a\u2028b", "a b"), ("Küche", "Küche"), ("\x1b", ""), ("", "")],
)
def test_a_name_is_one_line(name: str, line: str) -> None:
    assert plain(name) == line


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Küche", "Küche"),
        ("💡 Küche", "Küche"),
        ("Bad 💡 unten", "Bad unten"),
        ("🛋️🛋️", ""),
        ("Кухня", "Кухня"),
        ("厨房", ""),
    ],
)
def test_what_no_font_has_is_left_out(name: str, drawn: str) -> None:
    assert drawable(name, MANY_SCRIPTS).strip("\ufe0f ") == drawn


@pytest.mark.parametrize("name", ["👨\u200d👩\u200d👧", "👩\u200d🍳", "\u2800\u2800", "🏳\ufe0f\u200d🌈", "\u200d"])
def test_a_name_without_anything_visible_is_empty(name: str) -> None:
    assert drawable(name, MANY_SCRIPTS) == ""


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("👨\u200d👩\u200d👧 عل\u0627", "عل\u0627"),
        ("می\u200cخو\u0627\u0647م", "می\u200cخو\u0627\u0647م"),
        ("\ud800abc", "abc"),
    ],
)
def test_invisible_characters_remain_between_letters_only(name: str, drawn: str) -> None:
    assert drawable(name, MANY_SCRIPTS) == drawn


@given(st.text(st.sampled_from("\u200d\u200c\ufe0fعل\u0627لل\u0647 سل\u0627میلِ\u0627לW👩é\u0301"), max_size=100))
def test_no_name_ends_the_program(name: str) -> None:
    line = drawable(plain(name), MANY_SCRIPTS)
    for fits in (True, False):
        in_drawing_order(shortened(line, lambda _candidate, fits=fits: fits))  # type: ignore[misc]


@pytest.mark.parametrize(
    "name", ["عبد \u0627لل\u0647", "سل\u0627م\u200d لَ\u0627", "خ\u0627ن\u0647\u200dیِ لِ\u0627", "دل\u200d\u0647لِ\u0627"]
)
def test_every_arranged_character_can_be_drawn(name: str) -> None:
    drawn = in_drawing_order(name)
    assert drawable(drawn, MANY_SCRIPTS) == drawn
    assert any("\ufe70" <= each <= "\ufeff" for each in drawn)


def test_what_the_libraries_make_of_a_name_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str) -> str:
        raise IndexError

    monkeypatch.setattr(display_name, "_arranged", fail)
    assert in_drawing_order("שלום עולם") == "שלום עולם"


def test_a_long_name_ends_in_an_ellipsis() -> None:
    assert shortened("Kitchen", lambda name: len(name) <= 7) == "Kitchen"
    assert shortened("Kitchen table", lambda name: len(name) <= 9) == "Kitchen…"
    assert shortened("x" * 100, lambda name: len(name) <= 20) == "x" * 19 + "…"
    assert shortened("x", lambda _name: False) == "…"
    assert shortened("\u200dW" * 50, lambda name: len(name) <= 20) == "…"


@pytest.mark.parametrize("name", ["e\u0301" * 50, "👩\u200d👩\u200d👧" * 20])
def test_no_visible_character_is_cut_in_two(name: str) -> None:
    whole = name[: len(name) // (50 if "\u0301" in name else 20)]
    short = shortened(name, lambda candidate: len(candidate) <= 24)
    assert short.endswith("…")
    assert short[:-1] == whole * (len(short[:-1]) // len(whole))
    assert len(short) > 1


def test_what_is_written_from_the_right_is_drawn_from_the_right() -> None:
    assert in_drawing_order("Kitchen") == "Kitchen"
    assert in_drawing_order("שלום") == "םולש"
    assert in_drawing_order("שלום Kitchen") == "Kitchen םולש"


def test_arabic_is_joined() -> None:
    drawn = in_drawing_order("مطبخ")
    assert drawn != "مطبخ"[::-1]
    assert all("\ufe70" <= each <= "\ufeff" for each in drawn)  # forms that stand for letters in their places
    assert ImageFont.truetype(MANY_SCRIPTS, 20).getlength(drawn) > 0
