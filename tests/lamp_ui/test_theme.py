"""The colours can be told from what lies behind them, in a dark room and by eyes that are no longer young."""

from itertools import product

import pytest

from lamp_ui.geometry import theme

LEAST_TEXT_CONTRAST = 4.5
LEAST_SIGN_CONTRAST = 3.0


def contrast(one: theme.Colour, other: theme.Colour) -> float:
    darker, lighter = sorted((theme.luminance(one), theme.luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("TITLE", "CARD"),
        ("TEXT", "CARD"),
        ("CODE", "WELL"),
        ("LOCAL_ONLY", "CARD"),
        ("TITLE", "NIGHT"),
        ("TEXT", "NIGHT"),
        ("QUIET_TEXT", "NIGHT"),
        ("DEVICE_ID", "NIGHT"),
    ],
)
def test_text_stands_out(text: str, ground: str) -> None:
    assert contrast(getattr(theme, text), getattr(theme, ground)) >= LEAST_TEXT_CONTRAST


@pytest.mark.parametrize("sign", ["CLOUD", "LOCAL_ONLY", "NONE"])
@pytest.mark.parametrize("ground", ["CARD", "NIGHT"])
def test_signs_stand_out(sign: str, ground: str) -> None:
    assert contrast(getattr(theme, sign), getattr(theme, ground)) >= LEAST_SIGN_CONTRAST


@pytest.mark.parametrize("text", ["TITLE", "TEXT", "LOCAL_ONLY"])
def test_text_stands_out_in_the_light_that_says_which_lamp_this_is(text: str) -> None:
    assert contrast(getattr(theme, text), theme.over(theme.CARD, theme.BEACON)) >= LEAST_TEXT_CONTRAST


def test_the_confirmation_stands_out_from_its_glow() -> None:
    brightest = theme.over(theme.NIGHT, theme.CONFIRMATION_GLOW)
    assert contrast(theme.TITLE, brightest) >= LEAST_TEXT_CONTRAST
    assert contrast(theme.CODE, brightest) >= LEAST_SIGN_CONTRAST


HUES = [step / 24 for step in range(24)]
SHARES = [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("text", ["TITLE", "TEXT", "DEVICE_ID"])
def test_text_stands_out_whatever_colour_the_lamp_has(text: str) -> None:
    for hue, saturation, brightness in product(HUES, SHARES, SHARES):
        ground = theme.over(theme.NIGHT, theme.wash(hue, saturation, brightness, on=True))
        assert contrast(getattr(theme, text), ground) >= LEAST_TEXT_CONTRAST


def test_the_switch_can_be_told_from_every_light() -> None:
    for hue, saturation, brightness in product(HUES, SHARES, SHARES):
        ground = theme.globe(hue, saturation, brightness)
        assert contrast(theme.sign_on(ground), ground) >= LEAST_SIGN_CONTRAST
    assert contrast(theme.LAMP_OFF_SIGN, theme.LAMP_OFF) >= LEAST_SIGN_CONTRAST


def test_a_lamp_that_is_off_leaves_the_night_alone() -> None:
    assert theme.over(theme.NIGHT, theme.wash(0.5, 1.0, 1.0, on=False)) == theme.NIGHT
