"""Names of any length and script become a line that can be drawn."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import ImageFont

from lamp_ui.names import drawable, in_drawing_order, plain, shortened

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


def test_a_long_name_ends_in_an_ellipsis() -> None:
    assert shortened("Kitchen", lambda name: len(name) <= 7) == "Kitchen"
    assert shortened("Kitchen table", lambda name: len(name) <= 9) == "Kitchen…"
    assert shortened("x" * 100, lambda name: len(name) <= 20) == "x" * 19 + "…"
    assert shortened("x", lambda _name: False) == "…"


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
