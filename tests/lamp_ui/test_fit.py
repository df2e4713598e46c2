"""Both languages fit at every size: no words become smaller than an eye at an arm's length can read."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import ImageFont

from lamp_ui.core.claim_url import LONGEST_SHOWN_ADDRESS
from lamp_ui.core.i18n import LANGUAGES, hue_name, load_words, percent
from lamp_ui.geometry.code_layout import lay_out_code
from lamp_ui.geometry.layout import Box, place_dialog, place_main, place_popup, place_status, unit_of
from tests.support.catalogues import SCREEN

SIZES = [(240, 320), (320, 240), (480, 320), (800, 480)]
LEAST_FONT = 11
"""Units: capitals of 1.4 mm on a 2.8" panel."""

NOTICES = (
    "Not connected to the lamp's broker. Retrying.",
    "The lamp's service has not reported yet.",
    "The lamp has not reported yet whether it is on.",
    "Waiting for the lamp…",
    "The lamp did not answer. This is what it last reported.",
    "The cloud has not reported yet who owns this lamp.",
    "Another screen seems to use this ID. Tap the cross.",
    "The broker refuses this screen. Tap the cross.",
)
HINTS = (
    "Cloud connected",
    "No connection. Tap the cross.",
    "Waiting for the cloud",
    "Cloud unreachable. Please wait.",
    "Expired. A new code is coming.",
    "New code in {seconds} s",
)
ADVICE = (
    "Another screen seems to use this lamp's ID. Stop one of the two.",
    "The lamp's broker refuses this screen. Check its access rules.",
    "Not connected to the lamp's own broker. Retrying every few seconds.",
    "The bridge to the cloud has not reported yet. Check that the broker has one.",
    "The cloud is not connected. Check the network; the lamp keeps trying.",
    "The lamp's service has not reported yet. Check that it is running.",
    "The lamp has not reported yet whether it is on. Check its service.",
    "The lamp's service did not answer. Check that it is running.",
    "The cloud has not reported yet who owns this lamp. Check that its daemon is running.",
    "The code has expired without a new one. Check that the cloud's daemon is running.",
    "Everything works.",
)
ADVICE_BESIDE_RESET = (
    "The lamp's service has not reported yet. Check that it is running.",
    "The lamp has not reported yet whether it is on. Check its service.",
    "The lamp's service did not answer. Check that it is running.",
    "Everything works.",
)
RESET = (
    "Reset requested. The lamp is released on {time} unless its owner refuses.",
    "The owner refused the reset. It can be requested again from {time} on.",
    "This cloud does not allow resets at the lamp. Ask its operator.",
    "The owner has {hours} hours to refuse. After that, the lamp is released and shows a code.",
    "The lamp is released at once: its owner loses it, and it shows a code.",
    "The cloud did not answer. Please try again later.",
    "Asking the cloud…",
)
_LINE = 1.18
_spec = find_spec("kivy")
assert _spec is not None
assert _spec.origin is not None
FONTS = Path(_spec.origin).parent / "data" / "fonts"


def fits(text: str, box: Box, font_size: float, bold: bool = False) -> bool:
    """Tell whether words fit a box, broken between words only."""
    font = ImageFont.truetype(FONTS / f"Roboto-{'Bold' if bold else 'Regular'}.ttf", int(font_size))
    lines, line = 1, ""
    for word in text.split(" "):
        if font.getlength(word) > box.width:
            return False
        longer = f"{line} {word}".strip()
        if font.getlength(longer) > box.width:
            lines, longer = lines + 1, word
        line = longer
    return lines * _LINE * int(font_size) <= box.height


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_every_text_fits(size: tuple[int, int], language: str) -> None:
    unit = unit_of(*size)
    spoken, translated = SCREEN.texts(), load_words(language)

    def say(words: str) -> str:
        assert words in spoken  # an old text would be measured in English, whatever the language
        return translated(words)

    least = LEAST_FONT * unit
    main, plain, scanned = place_main(*size), place_popup(*size, 2, 0), place_popup(*size, 2, 33)
    for words in ("Cloud connected", "Waiting for the cloud", "No connection"):
        assert fits(say(words), main.connection, least)
    for words in NOTICES:
        assert fits(say(words), main.notice, 12 * unit), words
    for words in ("On", "Off", "Unknown"):
        assert fits(say(words), main.words, 16 * unit, bold=True)
    names = [(say("Hue"), hue_name(step / 12, say)) for step in range(12)]
    names += [(say(name), percent(1, say)) for name in ("Saturation", "Brightness")]
    for name, value in names:
        assert fits(f"{name}    {value}", Box(0, 0, main.sliders[0].width, 24 * unit), 16 * unit)
    for layout in (plain, scanned):
        for words in HINTS:
            assert fits(say(words), layout.hint, least), words
        badge = Box(0, 0, layout.identity.width - 14 * unit, layout.identity.height)
        assert fits(say("Lamp {ending}").format(ending="0000"), badge, 15 * unit)
    for layout in (plain, scanned):
        for words in ("Associate your Lamp", "Is this the lamp?"):
            assert fits(say(words), layout.title, 16 * unit, bold=True)
    longest = "lamps.example.com/claim"
    assert len(longest) <= LONGEST_SHOWN_ADDRESS
    assert fits(say("Enter this code in your LAMPI account to make this lamp yours."), plain.instruction, 16 * unit)
    assert fits(say("Scan, or enter this code at {address}").format(address=longest), scanned.instruction, least)
    status = place_status(*size, [1, 2, 2, 1, 1, 2])
    for words in ADVICE:
        assert fits(say(words), status.advice, 13 * unit), words
    for words, (place, _) in zip(
        ("ID", "Network", "Broker", "Cloud", "Last heard", "Software"), status.rows, strict=True
    ):
        assert fits(say(words), place, 17 * unit), words
    assert fits(say("Close"), status.close, 17 * unit, bold=True)
    wide = Box(0, 0, size[0] - 24 * unit, 44 * unit)
    assert fits(say("This lamp is yours"), wide, 20 * unit, bold=True)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_the_words_of_a_reset_fit(size: tuple[int, int], language: str) -> None:
    unit, say = unit_of(*size), load_words(language)
    status = place_status(*size, [1, 2, 2, 1, 1, 2])
    held, dialog = place_status(*size, [1, 2, 2, 1, 1, 2], hold=True), place_dialog(*size)
    assert held.hold is not None
    for words in ADVICE_BESIDE_RESET:
        assert fits(say(words), held.advice, 12 * unit), words
    for words in ("Hold 5 s: reset ownership", "Keep holding…"):
        button = Box(0, 0, held.hold.width - 12 * unit, held.hold.height - 10 * unit)
        assert fits(say(words), button, 13 * unit, bold=True), words
    for words in RESET:
        known = say(words).format(time="2026-11-28 21:00 CEST", hours=24)
        assert fits(known, dialog.words, 16 * unit), words
    for words in RESET[:3]:
        assert fits(say(words).format(time="2026-11-28 21:00 CEST"), status.advice, 12 * unit), words
    for words in ("Request reset", "Reset now", "Cancel"):
        assert fits(say(words), dialog.confirm, 16 * unit, bold=True), words
    assert fits(say("Reset ownership"), dialog.title, 18 * unit, bold=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("groups", "length"), [(2, 3), (2, 4), (4, 3), (8, 4)])
@pytest.mark.parametrize("modules", [0, 33, 37])
def test_the_code_is_the_largest_text(size: tuple[int, int], groups: int, length: int, modules: int) -> None:
    unit = unit_of(*size)
    well = place_popup(*size, groups, modules).code
    font = lay_out_code(groups, length, well.width - 12 * unit, well.height - 6 * unit).font_size
    # Of all other words the title is the largest, and it grows no larger than the code.
    assert font >= (16 if groups == 8 and modules else 20) * unit
