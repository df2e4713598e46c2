"""`make screenshots`: every state of the real touchscreen, at four sizes and in both languages, as pictures.

python -m tests.support.album FOLDER
"""

import json
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageStat

from lamp_ui import theme
from lamp_ui.config import read_config
from lamp_ui.layout import Box, place_main, place_mark
from lamp_ui.link import LampLink
from lamp_ui.words import LANGUAGES, Say, load_words
from shared import topics
from shared.payloads import Associated, Color, LampConfig
from tests.support.broker import Mosquitto
from tests.support.deaf import deaf_broker
from tests.support.reading import colour_box
from tests.support.screen import START_SECONDS, CloudVoice, Touchscreen
from tests.support.waiting import wait_until

SIZES = ("240x320", "320x240", "480x320", "800x480")
DEVICE_ID = "b827ebba0387"
CODE = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"
URL = "https://lamps.example.com/claim"
LAPSED = "1a2d3c4e0a8c4d0a8c4d0a8c4d0a8cff"
CHANGED = topics.changed(topics.lamp_prefix(DEVICE_ID))
LAMPS = {
    "main": LampConfig(Color(0.07, 0.78), 0.8, True),
    "main-blue": LampConfig(Color(0.6, 0.9), 0.4, True),
    "main-off": LampConfig(Color(0.6, 0.9), 0.4, False),
    "main-warm": LampConfig(Color(0.09, 0.45), 1.0, True),
}
NAMES = {
    "named": "Kitchen",
    "named-long": "The lamp on the left of the sofa in the living room",
    "named-from-the-right": "המטבח של דנה",
    "named-arabic": "مصباح المطبخ",
    "named-emoji": "💡 Küche",
}
_DIM_AFTER_SECONDS = 6.0
_STILL_LOOKS = 30

Shot = tuple[str, Image.Image]


def take(size: str, language: str, folder: Path) -> Iterator[Shot]:
    """Yield every state by its name, in the order of a lamp's life."""
    with Mosquitto(folder / "broker") as broker:
        lamp = Touchscreen(folder / "lamp", broker, DEVICE_ID, size, _settings(language, "0"))
        with lamp:
            cloud = CloudVoice(broker, DEVICE_ID)
            yield from _first_hour(lamp, cloud, load_words(language))
            yield from _own_screen(lamp, broker)
            yield from _names(lamp, cloud)
            yield from _faults(lamp, cloud, broker)
        settings = _settings(language, str(_DIM_AFTER_SECONDS))
        with Touchscreen(folder / "late", broker, DEVICE_ID, size, settings) as lamp:
            awake = settled(lamp)
            wait_until(lambda: darker(lamp.screen.grab(), awake), "the screen to dim")
            yield "dimmed", settled(lamp)
    with (
        deaf_broker(folder / "deaf") as deaf,
        Touchscreen(folder / "deafened", deaf, DEVICE_ID, size, _settings(language, "0")) as lamp,
    ):
        wait_until(lambda: "refuses a subscription" in lamp.log, "the refusal")
        yield "not-allowed", settled(lamp)


def _settings(language: str, dim_after: str) -> dict[str, str | None]:
    # Without motion, since light that breathes never comes to rest.
    return {"LAMPI_LANGUAGE": language, "LAMPI_DIM_AFTER_SECONDS": dim_after, "LAMPI_MOTION": "off"}


def _first_hour(lamp: Touchscreen, cloud: CloudVoice, say: Say) -> Iterator[Shot]:
    shown = settled(lamp)
    yield "cloud-away", shown
    cloud.come_up()
    yield "not-reported", (shown := next_look(lamp, shown))
    popups: dict[str, dict[str, object]] = {
        "popup": {},
        "popup-qr": {"url": URL},
        "popup-qr-long": {"url": URL, "short_code_length": 32},
        "popup-12": {"short_code_length": 12},
        "popup-look-alikes-6b": {"code": "6bb66b".ljust(32, "0"), "url": URL},
        "popup-look-alikes-08": {"code": "088b68".ljust(32, "0"), "url": URL},
        "popup-lapsing": {"code": CODE[::-1], "url": URL, "good_for": 60},
    }
    for name, members in popups.items():
        cloud.say(json.dumps({"associated": False, "code": CODE, **members}).encode())
        yield name, (shown := next_look(lamp, shown))
    cloud.say(json.dumps({"associated": False, "code": LAPSED, "url": URL, "good_for": 1}).encode())
    lamp.wait_for_code(LAPSED[:6])
    lamp.wait_for_text(say("Expired. A new code is coming.").partition(".")[0])
    yield "popup-expired", (shown := settled(lamp))
    cloud.go_away()
    cloud.say(json.dumps({"associated": False, "code": CODE, "url": URL}).encode())
    lamp.wait_for_code(CODE[:6])
    yield "popup-cloud-away", (shown := settled(lamp))
    cloud.come_up()
    shown = next_look(lamp, shown)
    asked: dict[str, dict[str, object]] = {"identify-qr": {"url": URL}, "identify": {}}
    for name, members in asked.items():
        cloud.say(json.dumps({"associated": False, "code": CODE, **members, "identify": name}).encode())
        yield name, (shown := next_look(lamp, shown))
    cloud.say(Associated().encode())
    yield "yours", next_look(lamp, shown)


def _own_screen(lamp: Touchscreen, broker: Mosquitto) -> Iterator[Shot]:
    lamp.wait_for_main_screen()
    shown = settled(lamp)
    for name, config in LAMPS.items():
        broker.publish(CHANGED, config.encode(), retain=True)
        yield name, (shown := next_look(lamp, shown))
    width, height = (int(side) for side in lamp.screen.size.split("x"))
    disc = place_main(width, height).power
    lamp.screen.touch(round(disc.x + disc.width / 2), round(height - disc.y - disc.height / 2))
    pending = waiting(lamp, disc, shown)
    yield "pending", pending
    yield "unanswered", (shown := next_look(lamp, pending))
    broker.publish(CHANGED, LAMPS["main-warm"].encode(), retain=True)
    next_look(lamp, shown)


def _names(lamp: Touchscreen, cloud: CloudVoice) -> Iterator[Shot]:
    shown = settled(lamp)
    for name, given in NAMES.items():
        cloud.say(Associated(given).encode())
        yield name, (shown := next_look(lamp, shown))
    cloud.say(Associated().encode())
    next_look(lamp, shown)


def _faults(lamp: Touchscreen, cloud: CloudVoice, broker: Mosquitto) -> Iterator[Shot]:
    width, height = (int(side) for side in lamp.screen.size.split("x"))
    mark = place_mark(width, height)
    at_mark = round(mark.x + mark.width / 2), round(height - mark.y - mark.height / 2)
    shown = settled(lamp)
    cloud.say(b"")
    yield "no-word-of-an-owner", (shown := next_look(lamp, shown))
    cloud.say(Associated().encode())
    shown = next_look(lamp, shown)
    lamp.screen.touch(*at_mark)
    yield "status", (shown := next_look(lamp, shown))
    broker.kill()
    yield "status-no-connection", (shown := next_look(lamp, shown))
    lamp.screen.touch(*at_mark)
    yield "no-connection", next_look(lamp, shown)
    broker.start()
    settings = {"LAMPI_BROKER_URL": str(broker.url), "LAMPI_DEVICE_ID": DEVICE_ID}
    rival = LampLink(read_config(settings), lambda _event: None)
    rival.start()
    wait_until(lambda: "another client seems to have our id" in lamp.log, "the rival to be noticed", START_SECONDS)
    rival.stop()
    yield "another-screen", settled(lamp)


def next_look(lamp: Touchscreen, before: Image.Image) -> Image.Image:
    """Return what the screen shows once it shows something else than before, and has come to rest."""
    wait_until(lambda: lamp.screen.grab() != before, "another picture")
    return settled(lamp)


def settled(lamp: Touchscreen) -> Image.Image:
    """Return what the screen shows once it has not changed for a while."""
    looks: deque[Image.Image] = deque(maxlen=_STILL_LOOKS)

    def still() -> bool:
        looks.append(lamp.screen.grab())
        return len(looks) == _STILL_LOOKS and all(look == looks[0] for look in looks)

    wait_until(still, "the screen to come to rest")
    return looks[0]


def waiting(lamp: Touchscreen, disc: Box, known: Image.Image) -> Image.Image:
    """Return what the screen shows while a request is under way: the disc has its ring."""
    looks = [known]

    def is_waiting() -> bool:
        looks.append(lamp.screen.grab())
        left, right = round(disc.x), round(disc.right)
        top, bottom = (round(looks[-1].height - edge) for edge in (disc.top, disc.y))
        return colour_box(looks[-1].crop((left, top, right, bottom)), theme.LOCAL_ONLY, tolerance=12) is not None

    wait_until(is_waiting, "a sign of waiting")
    return looks[-1]


def darker(picture: Image.Image, awake: Image.Image) -> bool:
    """Tell whether a picture is less than half as light as another."""
    now, then = (ImageStat.Stat(each.convert("L")).mean[0] for each in (picture, awake))
    return bool(now < then / 2)


def main(album: Path) -> None:
    """Fill the folder."""
    for language in LANGUAGES:
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                for name, picture in take(size, language, Path(folder)):
                    place = album / language / size
                    place.mkdir(parents=True, exist_ok=True)
                    picture.save(place / f"{name}.png", optimize=True)
    best = album / "en" / "240x320" / "popup-qr.png"
    (album / "popup.png").write_bytes(best.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
