"""The lamp's own screen shows colours: what each value of a slider means, and the lamp's own all over."""

from PIL import Image

from lamp_ui.core.lamp_control import Control
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import Box, place_main
from tests.lamp_ui.conftest import DEVICE_ID, StartLamp
from tests.support.broker import Mosquitto
from tests.support.reading import colour_box
from tests.support.waiting import wait_until

CHANGED = f"devices/{DEVICE_ID}/lamp/changed"
TRACK = 24
BLUE = b'{"color": {"h": 0.6666, "s": 0.5}, "brightness": 0.5, "on": true}'


def shows(picture: Image.Image, slider: Box, value: float, colour: theme.Colour) -> bool:
    """Tell whether a slider has a colour somewhere above or below where its knob would be for a value."""
    x = slider.x + TRACK / 2 + (slider.width - TRACK) * value
    column = picture.crop((int(x), int(picture.height - slider.top), int(x) + 1, int(picture.height - slider.y)))
    return colour_box(column, colour, tolerance=14) is not None


def test_the_tracks_show_what_they_set(start_lamp: StartLamp, broker: Mosquitto) -> None:
    lamp = start_lamp()
    broker.publish(CHANGED, BLUE, retain=True)
    lamp.wait_for_text("Blue")
    picture = lamp.screen.grab()
    sliders = dict(zip(Control, place_main(*picture.size).sliders, strict=True))
    for hue in (0.02, 1 / 6, 1 / 3, 1 / 2, 5 / 6):
        assert shows(picture, sliders[Control.HUE], hue, theme.light(hue, 1.0))
    for saturation in (0.02, 0.25, 0.75, 0.98):
        assert shows(picture, sliders[Control.SATURATION], saturation, theme.light(2 / 3, saturation))
    lit = theme.light(2 / 3, 0.5)
    for brightness in (0.25, 0.75, 0.98):
        dark = (*(0.07, 0.08, 0.1), 1 - brightness)
        assert shows(picture, sliders[Control.BRIGHTNESS], brightness, theme.over(lit, dark))


def test_the_ground_takes_the_lamps_colour(start_lamp: StartLamp, broker: Mosquitto) -> None:
    lamp = start_lamp()

    def bluer() -> list[float]:
        """Return by how much four places of the ground, around the disc, are more blue than red."""
        picture = lamp.screen.grab()
        pixels = [picture.getpixel(place) for place in ((150, 110), (210, 100), (5, 130), (5, 160))]
        return [pixel[2] - pixel[0] for pixel in pixels]  # type: ignore[index]

    night = 255 * (theme.NIGHT[2] - theme.NIGHT[0])
    broker.publish(CHANGED, BLUE, retain=True)
    wait_until(lambda: all(more > night + 2 for more in bluer()), "a blue ground")
    broker.publish(CHANGED, b'{"on": false}', retain=True)
    wait_until(lambda: all(abs(more - night) <= 1 for more in bluer()), "the night's ground")
