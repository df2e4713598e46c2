"""Screenshots of the touchscreen once it has stopped changing."""

from collections import deque

from PIL import Image, ImageStat

from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import Box, place_mark
from tests.support.reading import colour_box
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until

_STILL_LOOKS = 30


def next_look(lamp: Touchscreen, before: Image.Image) -> Image.Image:
    """Return the screen once it differs from ``before`` and has stopped changing."""
    wait_until(lambda: lamp.screen.grab() != before, "another picture")
    return settled(lamp)


def settled(lamp: Touchscreen) -> Image.Image:
    """Return the screen once it has stopped changing."""
    looks: deque[Image.Image] = deque(maxlen=_STILL_LOOKS)

    def still() -> bool:
        looks.append(lamp.screen.grab())
        return len(looks) == _STILL_LOOKS and all(look == looks[0] for look in looks)

    wait_until(still, "the screen to come to rest")
    return looks[0]


def waiting(lamp: Touchscreen, disc: Box, known: Image.Image) -> Image.Image:
    """Return the screen while a request is pending: the disc has its ring."""
    looks = [known]

    def is_waiting() -> bool:
        looks.append(lamp.screen.grab())
        left, right = round(disc.x), round(disc.right)
        top, bottom = (round(looks[-1].height - edge) for edge in (disc.top, disc.y))
        return colour_box(looks[-1].crop((left, top, right, bottom)), theme.LOCAL_ONLY, tolerance=12) is not None

    wait_until(is_waiting, "a sign of waiting")
    return looks[-1]


def darker(picture: Image.Image, awake: Image.Image) -> bool:
    """Return whether a picture is less than half as bright as another."""
    now, then = (ImageStat.Stat(each.convert("L")).mean[0] for each in (picture, awake))
    return bool(now < then / 2)


def tap_mark(lamp: Touchscreen) -> None:
    """Tap the connection mark, which opens or closes the status page."""
    mark = place_mark(*(int(side) for side in lamp.screen.size.split("x")))
    lamp.screen.touch(round(mark.x + mark.width / 2), round(lamp.screen.grab().height - mark.y - mark.height / 2))
