"""The colours can be told from what lies behind them, in a dark room and by eyes that are no longer young."""

import pytest

from lamp_ui import theme

LEAST_TEXT_CONTRAST = 4.5
LEAST_SIGN_CONTRAST = 3.0


def luminance(colour: theme.Colour) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4) for part in colour[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: theme.Colour, other: theme.Colour) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("TITLE", "CARD"),
        ("TEXT", "CARD"),
        ("CODE", "WELL"),
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
