"""The screen's colours by purpose: red, green, blue and opacity, each from 0 to 1.

They are dark, for a bedroom at night. Text has a contrast of at least 4.5:1 to its background (WCAG 2.2, success
criterion 1.4.3) whatever the lamp's colour; a test checks this.
"""

from colorsys import hsv_to_rgb

Colour = tuple[float, float, float, float]


def _colour(rgb: str) -> Colour:
    red, green, blue = bytes.fromhex(rgb)
    return red / 255, green / 255, blue / 255, 1.0


NIGHT = _colour("0a0c11")
"""The background of all screens."""

CARD = _colour("171b23")
"""The background of the popup and of buttons."""

CARD_EDGE = _colour("2d3440")
WELL = _colour("0c0e13")
"""The background of the code."""

TITLE = _colour("f5f1ea")
TEXT = _colour("d3d7df")
QUIET_TEXT = _colour("a4abb9")
CODE = _colour("ffd899")
"""The code; reserved for what should draw the eye."""

DEVICE_ID = _colour("a8d4ff")
"""The end of the lamp's id."""
GLOW = _colour("ffb45c")
"""The warm light of the confirmation and of identification."""

CONFIRMATION_GLOW = (*GLOW[:3], 0.5)
"""The light behind the confirmation at full strength."""

BEACON = (*GLOW[:3], 0.33)
"""The light behind the popup during identification, at full strength."""

HOLD = (*GLOW[:3], 0.3)
"""The light that grows over a button while it is held."""

QR_PAPER = _colour("f4ead8")
QR_INK = _colour("0c0e13")
"""Dark on light, as the standard requires; the paper has a warm tint so as not to glare at night."""

KNOB = _colour("ffffff")
KNOB_EDGE = (0.03, 0.04, 0.06, 0.85)
LAMP_OFF = _colour("1d222b")
LAMP_OFF_SIGN = _colour("c9cdd6")
SIGN_ON_LIGHT = _colour("15120c")
SIGN_ON_DARK = _colour("ffffff")

CLOUD = _colour("78d6a5")
LOCAL_ONLY = _colour("f0c05a")
NONE = _colour("f2938c")

DIMMED = (0.0, 0.0, 0.0, 0.78)
"""Veil over the dimmed screen if the backlight can't be dimmed."""

MOST_WASH = 0.2
"""Maximum share of the lamp's colour in the background."""


def light(hue: float, saturation: float) -> Colour:
    """Return the colour of a lamp's light at full brightness."""
    return (*hsv_to_rgb(hue, saturation, 1.0), 1.0)


def wash(hue: float, saturation: float, brightness: float, on: bool) -> Colour:
    """Return the tint of the background's glow: the lamp's colour, fainter for a darker lamp."""
    strength = MOST_WASH * (0.3 + 0.7 * brightness) if on else 0.0
    return (*light(hue, saturation)[:3], strength)


def globe(hue: float, saturation: float, brightness: float) -> Colour:
    """Return the colour of the disc of a lamp that is on, never so dark that it looks off."""
    red, green, blue, _ = light(hue, saturation)
    shade = 0.45 + 0.55 * brightness
    return red * shade, green * shade, blue * shade, 1.0


def sign_on(ground: Colour) -> Colour:
    """Return the colour of a sign with enough contrast to a background."""
    return SIGN_ON_LIGHT if luminance(ground) > 0.18 else SIGN_ON_DARK


def luminance(colour: Colour) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4) for part in colour[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def over(ground: Colour, veil: Colour) -> Colour:
    """Blend a translucent colour over an opaque one."""
    red, green, blue = (
        below * (1 - veil[3]) + above * veil[3] for below, above in zip(ground[:3], veil[:3], strict=True)
    )
    return red, green, blue, 1.0
