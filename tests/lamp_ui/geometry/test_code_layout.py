"""The code is as large as its box allows, and stays inside."""

from math import ceil

import pytest

from lamp_ui.geometry.code_layout import GLYPH_WIDTH, GROUP_GAP, LINE_STEP, lay_out_code

BOXES = [(192.0, 100.0), (270.0, 70.0), (420.0, 90.0), (710.0, 140.0)]


@pytest.mark.parametrize(("width", "height"), BOXES)
@pytest.mark.parametrize(("groups", "group_length"), [(2, 3), (2, 4), (3, 3), (4, 3), (8, 4), (10, 3)])
def test_it_stays_inside_its_box(groups: int, group_length: int, width: float, height: float) -> None:
    layout = lay_out_code(groups, group_length, width, height)
    line_width = layout.columns * group_length * GLYPH_WIDTH + (layout.columns - 1) * GROUP_GAP
    assert line_width * layout.font_size <= width + 1e-6
    assert ceil(groups / layout.columns) * LINE_STEP * layout.font_size <= height + 1e-6


@pytest.mark.parametrize(("width", "height"), BOXES)
def test_two_groups_stand_side_by_side(width: float, height: float) -> None:
    assert lay_out_code(2, 3, width, height).columns == 2


def test_a_single_group_is_a_code_too() -> None:
    assert lay_out_code(1, 6, 200, 100).columns == 1


def test_a_long_code_uses_as_many_columns_as_make_it_largest() -> None:
    assert lay_out_code(8, 4, 192, 100).columns == 3
    assert lay_out_code(8, 4, 710, 60).columns == 8
