"""Pictures of any size: a window may be made tiny, and large again."""

from itertools import product

import pytest

from lamp_ui.geometry.raster import pill
from tests.lamp_ui.conftest import StartLamp


@pytest.mark.parametrize("width", [1, 2, 3, 7, 20, 61])
def test_a_bar_of_any_size_has_all_its_pixels(width: int) -> None:
    for height in range(1, 41):
        pixels = pill(width, height, lambda at: (at, 0.5, 1 - at, 1.0))
        assert len(pixels) == width * height * 4


def test_a_bar_looks_the_same_from_both_sides() -> None:
    for width, height in product((2, 9, 30, 31), (2, 9, 24)):
        pixels = pill(width, height, lambda _at: (1.0, 1.0, 1.0, 1.0))
        rows = [pixels[at : at + 4 * width : 4] for at in range(3, len(pixels), 4 * width)]
        opacity = [pixels[y * 4 * width + 3 : (y + 1) * 4 * width : 4] for y in range(height)]
        assert rows
        assert all(row == row[::-1] for row in opacity)
        assert opacity == opacity[::-1]


def test_a_window_that_is_made_tiny_and_large_again_still_works(start_lamp: StartLamp) -> None:
    lamp = start_lamp("800x480")
    lamp.wait_for_text("not reported")
    for width, height in ((40, 30), (1, 1), (20, 300), (300, 20), (800, 480)):
        lamp.screen.resize(width, height)
    lamp.wait_for_text("not reported")
    assert lamp.runs()
