"""A lamp set up by `provision --stock` alone: our touchscreen, or the course's, beside the course's service."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from lamp_ui.core.lamp_control import Control
from lamp_ui.geometry.layout import place_main
from tests.support.bridge import Bridged
from tests.support.lamp_service import START, LampService
from tests.support.loop import USER, WITHDRAWN, wait_for_state
from tests.support.reading import read_text
from tests.support.screen import Touchscreen
from tests.support.stock_screen import SHOWN_CHARACTERS, StockTouchscreen
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
YOURS = "This lamp is yours"
NO_OWNER_KNOWN = "not reported yet who owns"


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[Bridged]:
    """Give the cloud and a stock lamp's broker with its bridge, all running."""
    with Bridged(tmp_path, LAMP, stock=True).running() as made:
        yield made


@pytest.fixture
def screen(tmp_path: Path, stock: Bridged) -> Iterator[Touchscreen]:
    """Give our touchscreen with the settings of the lamp's bundle and the port of its broker."""
    bundle = stock.at_cloud.provision(LAMP, stock=True)
    lines = (bundle / "etc" / "lampi" / "lampi-ui.env").read_text(encoding="utf-8").splitlines()
    settings: dict[str, str | None] = {"LAMPI_DEVICE_ID": None}
    settings |= {name: value for name, _, value in (line.partition("=") for line in lines)}
    with Touchscreen(tmp_path / "touchscreen", stock.at_lamp, LAMP, settings=settings) as running:
        yield running


@pytest.fixture
def service(stock: Bridged) -> Iterator[LampService]:
    """Give the course's service, which has reported the lamp's state."""
    with LampService(stock.at_lamp.port, "") as running:
        yield running


def our_code(screen: Touchscreen) -> str:
    """Return the code on our screen once it is there as a whole."""
    return wait_until(lambda: code if len(code := screen.code()) == SHOWN_CHARACTERS else "", "a code on the screen")


def slide_brightness(screen: Touchscreen, to: float) -> None:
    """Drag the brightness with a finger from its right end to a share of its way."""
    width, height = (int(side) for side in screen.screen.size.split("x"))
    box = place_main(width, height).sliders[list(Control).index(Control.BRIGHTNESS)]
    across = [1 - (1 - to) * step / 20 for step in range(1, 21)]
    y = height - (box.y + 0.35 * box.height)
    screen.screen.press(box.right - 1, y)
    screen.screen.slide([(box.x + share * box.width, y) for share in across], pause_seconds=0.01)
    screen.screen.lift()


@contextmanager
def watched(screen: Touchscreen) -> Iterator[list[Image.Image]]:
    """Give the different pictures that our screen shows meanwhile: reading one can take as long as it is shown."""
    pictures: list[Image.Image] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            picture = screen.screen.grab()
            if not pictures or picture != pictures[-1]:
                pictures.append(picture)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield pictures
    finally:
        ended.set()
        watching.join()


def wait_for_words(screen: Touchscreen, words: str) -> None:
    """Wait until our screen says some words, however its lines break."""
    wait_until(lambda: words in " ".join(screen.text().split()), f"{words!r} on the screen")


def test_our_screen_beside_the_course_s_service(stock: Bridged, screen: Touchscreen, service: LampService) -> None:
    code = our_code(screen)
    with watched(screen) as pictures:
        stock.associate(code)
        screen.wait_for_main_screen()
    assert any(YOURS in read_text(picture) for picture in pictures)
    screen.wait_for_text("Cloud connected")
    slide_brightness(screen, to=0.5)
    wait_until(lambda: service.requests and service.lamp["brightness"] < START["brightness"], "the service to be asked")
    assert {request["client"] for request in service.requests} == {"lamp_ui"}
    wait_until(lambda: screen.value(Control.BRIGHTNESS) == f"{service.lamp['brightness']:.0%}", "the value reported")
    service.say(brightness=0.25, client="web")
    screen.wait_for_value(Control.BRIGHTNESS, "25%")


def test_our_screen_says_that_the_course_s_service_does_not_answer(
    stock: Bridged, screen: Touchscreen, service: LampService
) -> None:
    stock.associate(our_code(screen))
    screen.wait_for_main_screen()
    screen.wait_for_value(Control.BRIGHTNESS, "100%")
    service.stop()
    slide_brightness(screen, to=0.5)
    screen.wait_for_text("it last reported.")
    screen.wait_for_value(Control.BRIGHTNESS, "100%")


def test_our_screen_says_that_the_course_s_service_has_never_reported(stock: Bridged, screen: Touchscreen) -> None:
    stock.associate(our_code(screen))
    screen.wait_for_main_screen()
    wait_for_words(screen, "has not reported yet.")
    screen.wait_for_text("Unknown")


@pytest.mark.parametrize("owned", [False, True])
def test_our_screen_of_a_lamp_that_is_forgotten_claims_no_owner(
    stock: Bridged, screen: Touchscreen, service: LampService, owned: bool
) -> None:
    code = our_code(screen)
    if owned:
        stock.associate(code)
        screen.wait_for_main_screen()
    with watched(screen) as pictures:
        stock.cloud.command("forget", LAMP)
        wait_for_words(screen, NO_OWNER_KNOWN)
    assert not any(YOURS in read_text(picture) for picture in pictures)
    assert screen.code() == ""


def test_the_course_s_screen_beside_its_service(stock: Bridged, service: LampService) -> None:
    with StockTouchscreen(stock.at_lamp.port) as screen:
        first = screen.wait_for_code()
        stock.associate(first)
        screen.wait_until_closed()
        stock.cloud.command("release", LAMP)
        second = screen.wait_for_code()
        assert second != first
        assert LAMP in stock.cloud.command("associate", second, "--user", USER)
        screen.wait_until_closed()
        stock.at_cloud.publish(f"devices/{LAMP}/lamp/set_config", b'{"on": false, "client": "web"}')
        wait_until(lambda: service.lamp["on"] is False, "the service to be asked")
        wait_until(lambda: b'"on": false' in reported(stock), "the report to reach the cloud")
        stock.cloud.command("forget", LAMP)
        wait_for_state(stock.at_cloud, LAMP, WITHDRAWN)
        assert screen.popup is None
        assert not screen.deaf
        assert screen.codes == [first, second]


def reported(stock: Bridged) -> bytes:
    """Return what the cloud's broker retains of the lamp's report."""
    topic = f"devices/{LAMP}/lamp/changed"
    kept = stock.at_cloud.retained(topic).get(topic)
    return b"" if kept is None else kept.payload
