"""The connection mark: visible on every screen, and recognizable by its shape as well as its colour."""

import pytest
from PIL import Image

from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import place_mark, unit_of
from tests.lamp_ui.conftest import StartLamp, unassociated
from tests.support.broker import Mosquitto
from tests.support.screen import CloudVoice, Touchscreen
from tests.support.waiting import wait_until

DISC = {"middle": True, "side": True, "corner": True}
RING = {"middle": False, "side": True, "corner": False}
CROSS = {"middle": True, "side": False, "corner": True}


def is_near(pixel: tuple[int, ...], colour: theme.Colour) -> bool:
    return all(abs(part - 255 * wanted) <= 60 for part, wanted in zip(pixel, colour, strict=False))


def shape(picture: Image.Image, colour: theme.Colour) -> dict[str, bool]:
    """Return where the mark has its colour: in the middle, at its side, halfway out to a corner."""
    box, radius = place_mark(*picture.size), 6.5 * unit_of(*picture.size)
    x, y = box.x + box.width / 2, picture.height - box.y - box.height / 2
    places = {"middle": (0.0, 0.0), "side": (0.85, 0.0), "corner": (0.45, 0.45)}
    return {
        name: is_near(picture.getpixel((int(x + across * radius), int(y + down * radius))), colour)  # type: ignore[arg-type]
        for name, (across, down) in places.items()
    }


def wait_for_mark(lamp: Touchscreen, colour: theme.Colour, expected: dict[str, bool]) -> None:
    wait_until(lambda: shape(lamp.screen.grab(), colour) == expected, f"the mark {expected}")


@pytest.mark.parametrize("popup", [False, True])
@pytest.mark.parametrize("size", ["240x320", "800x480"])
def test_it_shows_how_far_the_connection_reaches(
    start_lamp: StartLamp, broker: Mosquitto, cloud: CloudVoice, size: str, popup: bool
) -> None:
    if popup:
        cloud.say(unassociated())
    lamp = start_lamp(size)
    wait_for_mark(lamp, theme.LOCAL_ONLY, RING)
    cloud.come_up()
    wait_for_mark(lamp, theme.CLOUD, DISC)
    cloud.go_away()
    wait_for_mark(lamp, theme.LOCAL_ONLY, RING)
    broker.kill()
    wait_for_mark(lamp, theme.NONE, CROSS)
    broker.start()
    wait_for_mark(lamp, theme.LOCAL_ONLY, RING)
