"""Where the controls of the touchscreen's own screen are, and fingers on them."""

from lamp_ui.core.lamp_control import Control
from lamp_ui.geometry.layout import Box, place_main, place_mark, place_status
from tests.support.screen import Touchscreen


def on_screen(lamp: Touchscreen, box: Box, across: float = 0.5, up: float = 0.35) -> tuple[float, float]:
    """Return a pixel of a box, counted from the upper left as X does."""
    height = int(lamp.screen.size.split("x")[1])
    return box.x + across * box.width, height - (box.y + up * box.height)


def boxes(lamp: Touchscreen) -> dict[Control | str, Box]:
    width, height = (int(side) for side in lamp.screen.size.split("x"))
    layout = place_main(width, height)
    places: dict[Control | str, Box] = dict(zip(Control, layout.sliders, strict=True))
    close = place_status(width, height, []).close
    return places | {"power": layout.power, "mark": place_mark(width, height), "close": close}


def tap(lamp: Touchscreen, box: Box, across: float = 0.5) -> None:
    x, y = on_screen(lamp, box, across)
    lamp.screen.touch(round(x), round(y))
