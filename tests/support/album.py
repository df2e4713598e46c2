"""`make screenshots`: screenshots of every state of the real touchscreen, at four sizes and in both languages.

python -m tests.support.album FOLDER
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from lamp_ui.core.i18n import LANGUAGES, Say, load_words
from lamp_ui.geometry.layout import place_main
from lamp_ui.platform.mqtt_link import LampLink
from lamp_ui.settings import read_config
from shared.protocol import topics
from shared.protocol.payloads import Associated, Color, LampConfig
from tests.support import reset_album
from tests.support.broker import Mosquitto
from tests.support.deaf import deaf_broker
from tests.support.looks import darker, next_look, settled, tap_mark, waiting
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
CONNECTIONS = 2
"""How often the touchscreen has connected once the broker was restarted."""

_DIM_AFTER_SECONDS = 6.0

Shot = tuple[str, Image.Image]


def take(size: str, language: str, folder: Path) -> Iterator[Shot]:
    """Yield every state by its name, in the order of a lamp's life."""
    with Mosquitto(folder / "broker") as broker:
        lamp = Touchscreen(folder / "lamp", broker, DEVICE_ID, size, _settings(language, "0"))
        with lamp:
            cloud = CloudVoice(broker, DEVICE_ID)
            yield from _before_the_cloud(lamp, cloud)
            yield from _before_the_report(lamp, cloud, broker)
            yield from _popups(lamp, cloud, load_words(language))
            yield from _popups_without_the_cloud(lamp, cloud, broker)
            yield from _claim(lamp, cloud)
            yield from _own_screen(lamp, broker)
            yield from _names(lamp, cloud)
            yield from reset_album.take(lamp, cloud, load_words(language))
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
        yield "not-allowed", (shown := settled(lamp))
        yield from _status("status-not-allowed", lamp, shown)


def _settings(language: str, dim_after: str) -> dict[str, str | None]:
    # Without motion, since a pulsing light never stops changing.
    return {"LAMPI_LANGUAGE": language, "LAMPI_DIM_AFTER_SECONDS": dim_after, "LAMPI_MOTION": "off"}


def _status(name: str, lamp: Touchscreen, below: Image.Image) -> Iterator[Shot]:
    """Open the status page, and close it again."""
    tap_mark(lamp)
    yield name, (page := next_look(lamp, below))
    tap_mark(lamp)
    next_look(lamp, page)


def _waiting(**members: object) -> bytes:
    return json.dumps({"associated": False, "code": CODE, **members}).encode()


def _before_the_cloud(lamp: Touchscreen, cloud: CloudVoice) -> Iterator[Shot]:
    yield "cloud-away", (shown := settled(lamp))
    yield from _status("status-bridge-unknown", lamp, shown)
    cloud.say(_waiting(url=URL))
    yield "popup-bridge-unknown", (shown := next_look(lamp, shown))
    cloud.say(b"")
    next_look(lamp, shown)


def _before_the_report(lamp: Touchscreen, cloud: CloudVoice, broker: Mosquitto) -> Iterator[Shot]:
    shown = settled(lamp)
    cloud.come_up()
    yield "not-reported", (shown := next_look(lamp, shown))
    yield from _status("status-not-reported", lamp, shown)
    broker.publish(CHANGED, LampConfig(LAMPS["main"].color, LAMPS["main"].brightness).encode())
    yield "partly-reported", (shown := next_look(lamp, shown))
    yield from _status("status-partly-reported", lamp, shown)
    broker.publish(CHANGED, LAMPS["main-warm"].encode(), retain=True)
    next_look(lamp, shown)


def _popups(lamp: Touchscreen, cloud: CloudVoice, say: Say) -> Iterator[Shot]:
    popups: dict[str, dict[str, object]] = {
        "popup": {},
        "popup-qr": {"url": URL},
        "popup-qr-long": {"url": URL, "short_code_length": 32},
        "popup-12": {"short_code_length": 12},
        "popup-look-alikes-6b": {"code": "6bb66b".ljust(32, "0"), "url": URL},
        "popup-look-alikes-08": {"code": "088b68".ljust(32, "0"), "url": URL},
        "popup-lapsing": {"code": CODE[::-1], "url": URL, "good_for": 60},
    }
    shown = settled(lamp)
    for name, members in popups.items():
        cloud.say(_waiting(**members))
        yield name, (shown := next_look(lamp, shown))
    cloud.say(_waiting(code=LAPSED, url=URL, good_for=1))
    lamp.wait_for_code(LAPSED[:6])
    lamp.wait_for_text(say("Expired. A new code is coming.").partition(".")[0])
    yield "popup-expired", (shown := settled(lamp))
    yield from _status("status-code-expired", lamp, shown)


def _popups_without_the_cloud(lamp: Touchscreen, cloud: CloudVoice, broker: Mosquitto) -> Iterator[Shot]:
    cloud.go_away()
    cloud.say(_waiting(url=URL))
    lamp.wait_for_code(CODE[:6])
    yield "popup-cloud-away", (shown := settled(lamp))
    yield from _status("status-cloud-away", lamp, shown)
    broker.stop()
    yield "popup-no-connection", (shown := next_look(lamp, shown))
    broker.start()
    cloud.come_up()
    wait_until(lambda: lamp.log.count("Connected to the broker") == CONNECTIONS, "another connection", START_SECONDS)


def _claim(lamp: Touchscreen, cloud: CloudVoice) -> Iterator[Shot]:
    shown = settled(lamp)
    asked: dict[str, dict[str, object]] = {"identify-qr": {"url": URL}, "identify": {}}
    for name, members in asked.items():
        cloud.say(_waiting(**members, identify=name))
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
    yield from _status("status-unanswered", lamp, shown)
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
    shown = settled(lamp)
    cloud.say(b"")
    yield "no-word-of-an-owner", (shown := next_look(lamp, shown))
    yield from _status("status-no-word-of-an-owner", lamp, shown)
    cloud.say(Associated().encode())
    shown = next_look(lamp, shown)
    tap_mark(lamp)
    yield "status", (shown := next_look(lamp, shown))
    broker.stop()
    yield "status-no-connection", (shown := next_look(lamp, shown))
    tap_mark(lamp)
    yield "no-connection", next_look(lamp, shown)
    broker.start()
    settings = {"LAMPI_BROKER_URL": str(broker.url), "LAMPI_DEVICE_ID": DEVICE_ID}
    rival = LampLink(read_config(settings), lambda _event: None)
    rival.start()
    wait_until(lambda: "may have the same client ID" in lamp.log, "the rival to be noticed", START_SECONDS)
    rival.stop()
    yield "another-screen", (shown := settled(lamp))
    yield from _status("status-another-screen", lamp, shown)


def fill(place: Path, size: str, language: str) -> None:
    """Take every picture of one size and language into a folder."""
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in take(size, language, Path(folder)):
            picture.save(place / f"{name}.png", optimize=True)


def main(album: Path) -> None:
    """Fill the folder."""
    for language in LANGUAGES:
        for size in SIZES:
            fill(album / language / size, size, language)
    best = album / "en" / "240x320" / "popup-qr.png"
    (album / "popup.png").write_bytes(best.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
