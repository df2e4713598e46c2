"""Everything has its place at every size: inside the window, beside the others, large enough for a finger."""

from dataclasses import fields
from itertools import combinations, pairwise

import pytest

from lamp_ui.geometry.layout import (
    FINGER,
    KNOB,
    LABEL_ROW,
    STATUS_LINE,
    Box,
    place_dialog,
    place_main,
    place_mark,
    place_popup,
    place_status,
    unit_of,
)
from lamp_ui.geometry.qr import LEAST_MODULE_PIXELS, MOST_MODULES, QUIET_MODULES

SIZES = [(240, 320), (320, 240), (480, 320), (800, 480), (320, 480), (480, 480)]

STATUS_LINES = [1, 2, 2, 1, 1, 2]
SCREENS = ["main", "status", "status with a button", "dialog", "popup", "popup with QR", "popup with QR, long code"]
MILLIMETRE = 400 / (2.8 * 25.4)
"""Units: 240 x 320 on a panel of 2.8 inches."""


def boxes_of(layout: object) -> list[Box]:
    found: list[Box] = []
    for field in fields(layout):  # type: ignore[arg-type]
        value = getattr(layout, field.name)
        for each in [value] if isinstance(value, Box) else value or ():
            found += [each] if isinstance(each, Box) else list(each)
    return found


def overlap(one: Box, other: Box) -> bool:
    slack = 0.01
    return (
        min(one.right, other.right) - max(one.x, other.x) > slack
        and min(one.top, other.top) - max(one.y, other.y) > slack
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_leaves_the_window_or_lies_on_something_else(size: tuple[int, int], screen: str) -> None:
    layout = {
        "main": place_main(*size),
        "status": place_status(*size, STATUS_LINES),
        "status with a button": place_status(*size, STATUS_LINES, hold=True),
        "dialog": place_dialog(*size),
        "popup": place_popup(*size, 2, 0),
        "popup with QR": place_popup(*size, 2, MOST_MODULES),
        "popup with QR, long code": place_popup(*size, 8, MOST_MODULES),
    }[screen]
    boxes = [*boxes_of(layout), place_mark(*size)]
    for box in boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.right <= size[0] + 0.01
        assert box.top <= size[1] + 0.01
        assert min(box.width, box.height) > 12
    for one, other in combinations(boxes, 2):
        assert not overlap(one, other)


@pytest.mark.parametrize("size", SIZES)
def test_names_on_the_status_page_are_3_mm_high_and_stand_by_their_values(size: tuple[int, int]) -> None:
    rows = place_status(*size, STATUS_LINES).rows
    assert len(rows) == len(STATUS_LINES)
    assert STATUS_LINE >= 3 * MILLIMETRE * 1.18  # a line's height for letters of 3 mm
    for name, value in rows:
        assert (name.y, name.height) == (value.y, value.height)
        assert name.height >= 3 * MILLIMETRE * 1.18 * unit_of(*size) - 0.01


@pytest.mark.parametrize("size", SIZES)
def test_a_finger_hits_every_control(size: tuple[int, int]) -> None:
    main, unit = place_main(*size), unit_of(*size)
    label = LABEL_ROW * unit
    bands = [Box(box.x, box.y, box.width, box.height - label) for box in main.sliders]
    dialog, status = place_dialog(*size), place_status(*size, [], hold=True)
    assert status.hold is not None
    buttons = [status.close, status.hold, dialog.confirm, dialog.close]
    for control in [main.power, *bands, place_mark(*size), *buttons]:
        assert min(control.width, control.height) >= FINGER * unit - 0.01
        assert min(control.width, control.height) >= 44 - 0.01
    assert main.power.width == main.power.height
    assert all(above.y >= below.y for above, below in pairwise(main.sliders))


def test_knobs_are_7_mm_wide_on_the_panel() -> None:
    assert KNOB >= 7 * MILLIMETRE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("groups", [2, 4, 8])
@pytest.mark.parametrize("modules", [21, 33, MOST_MODULES])
def test_a_qr_code_has_3_pixels_a_module_and_its_quiet_zone(size: tuple[int, int], groups: int, modules: int) -> None:
    qr = place_popup(*size, groups, modules).qr
    assert qr is not None
    assert min(qr.width, qr.height) // (modules + 2 * QUIET_MODULES) >= LEAST_MODULE_PIXELS
