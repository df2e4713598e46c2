"""The popup as a person and a camera see it, in both languages; and the confirmation after it."""

import time

import pytest

from lamp_ui.core.i18n import LANGUAGES, load_words
from lamp_ui.core.presenter import CONFIRMATION_SECONDS
from lamp_ui.geometry import theme
from lamp_ui.geometry.qr import qr_modules
from shared.protocol.payloads import Associated
from tests.lamp_ui.conftest import CODE, OTHER_CODE, StartLamp, unassociated
from tests.support.reading import colour_box
from tests.support.screen import CloudVoice, Touchscreen
from tests.support.waiting import wait_until

URL = "https://lamps.example.com/claim"


@pytest.mark.parametrize("size", ["240x320", "320x240"])
def test_a_camera_reads_the_address_with_the_full_code(start_lamp: StartLamp, cloud: CloudVoice, size: str) -> None:
    cloud.say(unassociated(url=URL))
    lamp = start_lamp(size)
    lamp.wait_for_code(CODE[:6])
    assert lamp.qr() == f"{URL}?code={CODE}"
    words = lamp.text()
    assert "lamps.example.com/claim" in words
    cloud.say(unassociated(OTHER_CODE, url=f"{URL}?x={'y' * 30}"))
    lamp.wait_for_code(OTHER_CODE[:6])
    assert lamp.qr() == f"{URL}?x={'y' * 30}&code={OTHER_CODE}"
    assert cell_pixels(lamp) >= 3
    # The longest codes leave the QR code its cells.
    cloud.say(unassociated(url=URL, short_code_length=32))
    lamp.wait_for_code(CODE)
    assert lamp.qr() == f"{URL}?code={CODE}"
    assert cell_pixels(lamp) >= 3


def cell_pixels(lamp: Touchscreen) -> float:
    """Return how many pixels wide a cell of the QR code is that lies there with a quiet zone of four."""
    picture = lamp.screen.grab()
    paper = colour_box(picture, theme.QR_PAPER)
    assert paper is not None
    return (paper[2] - paper[0]) / (len(qr_modules(lamp.qr())) + 2 * 4)


@pytest.mark.parametrize("url", [f"https://a.example/{'a' * 482}", "javascript:alert(1)", "", "file:///etc/passwd"])
def test_an_address_that_is_none_brings_no_qr_code(start_lamp: StartLamp, cloud: CloudVoice, url: str) -> None:
    cloud.say(unassociated(url=url))
    lamp = start_lamp()
    lamp.wait_for_code(CODE[:6])
    assert lamp.qr() == ""
    assert "LAMPI account" in lamp.text()


def test_lines_are_even(start_lamp: StartLamp, cloud: CloudVoice) -> None:
    cloud.say(unassociated())
    lamp = start_lamp()
    lamp.wait_for_code(CODE[:6])
    lamp.wait_for_text("make this lamp yours")  # in one line: three of its words would fit the line before


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_confirmation_is_warm_and_short(start_lamp: StartLamp, cloud: CloudVoice, language: str) -> None:
    say = load_words(language)
    title = say("Associate your Lamp").partition(" ")[2]  # tesseract has been taught English only
    cloud.say(unassociated())
    lamp = start_lamp(LAMPI_LANGUAGE=language)
    lamp.wait_for_code(CODE[:6])
    lamp.wait_for_text(title)
    cloud.say(Associated().encode())
    began = time.monotonic()
    lamp.wait_for_text(say("This lamp is yours")[:10])
    lamp.wait_for_main_screen()
    assert time.monotonic() - began >= CONFIRMATION_SECONDS - 0.5
    lamp.wait_for_text(say("Brightness"))


@pytest.mark.parametrize("motion", ["on", "off"])
def test_a_new_code_fades_in_place_unless_nothing_may_move(
    start_lamp: StartLamp, cloud: CloudVoice, motion: str
) -> None:
    cloud.say(unassociated())
    lamp = start_lamp(LAMPI_MOTION=motion)
    lamp.wait_for_code(CODE[:6])
    before = lamp.screen.grab()
    cloud.say(unassociated(OTHER_CODE))
    changed = wait_until(lambda: (now := lamp.screen.grab()) != before and now, "the new code")
    lamp.wait_for_code(OTHER_CODE[:6])
    assert (changed == lamp.screen.grab()) is (motion == "off")
