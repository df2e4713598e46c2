"""Everything has its place at every size: inside the window, beside the others, large enough for a finger."""

from dataclasses import fields
from itertools import combinations, pairwise

import pytest

from lamp_ui.layout import FINGER, STATUS_LINE, Box, place_main, place_mark, place_popup, place_status, unit_of
from lamp_ui.qr import LEAST_MODULE_PIXELS, MOST_MODULES, QUIET_MODULES

SIZES = [(240, 320), (320, 240), (480, 320), (800, 480), (320, 480), (480, 480)]

STATUS_WEIGHTS = [2.25, 3.5, 3.5, 3.5, 2.25, 2.25]


def boxes_of(layout: object) -> list[Box]:
    found: list[Box] = []
    for field in fields(layout):  # type: ignore[arg-type]
        value = getattr(layout, field.name)
        found += [value] if isinstance(value, Box) else list(value or ())
    return found


def overlap(one: Box, other: Box) -> bool:
    slack = 0.01
    return (
        min(one.right, other.right) - max(one.x, other.x) > slack
        and min(one.top, other.top) - max(one.y, other.y) > slack
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", ["main", "status", "popup", "popup with QR", "popup with QR, long code"])
def test_nothing_leaves_the_window_or_lies_on_something_else(size: tuple[int, int], screen: str) -> None:
    layout = {
        "main": place_main(*size),
        "status": place_status(*size, STATUS_WEIGHTS),
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
def test_a_name_on_the_status_page_stands_by_its_value(size: tuple[int, int]) -> None:
    weights = STATUS_WEIGHTS
    rows = place_status(*size, weights).rows
    assert len(rows) == len(weights)
    for row, weight in zip(rows, weights, strict=True):
        assert 0.8 * STATUS_LINE <= row.height / (weight * unit_of(*size)) <= STATUS_LINE + 0.01


@pytest.mark.parametrize("size", SIZES)
def test_a_finger_hits_every_control(size: tuple[int, int]) -> None:
    main = place_main(*size)
    controls = [main.power, *main.sliders, place_mark(*size), place_status(*size, []).close]
    for control in controls:
        assert min(control.width, control.height) >= FINGER * unit_of(*size) >= 44
    assert all(above.y >= below.y for above, below in pairwise(main.sliders))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("groups", [2, 4, 8])
@pytest.mark.parametrize("modules", [21, 33, MOST_MODULES])
def test_a_qr_code_has_3_pixels_a_module_and_its_quiet_zone(size: tuple[int, int], groups: int, modules: int) -> None:
    qr = place_popup(*size, groups, modules).qr
    assert qr is not None
    assert min(qr.width, qr.height) // (modules + 2 * QUIET_MODULES) >= LEAST_MODULE_PIXELS
