"""The colours of the screen, by what they are for: red, green, blue and opacity, each from 0 to 1.

Dark and calm, for a bedroom at night. Text keeps a contrast of at least 4.5:1 to what lies behind it
(WCAG 2.2, success criterion 1.4.3), whatever colour the lamp has; a test holds it to that.
"""

from colorsys import hsv_to_rgb

Colour = tuple[float, float, float, float]


def _colour(rgb: str) -> Colour:
    red, green, blue = bytes.fromhex(rgb)
    return red / 255, green / 255, blue / 255, 1.0


NIGHT = _colour("0a0c11")
"""Behind everything."""

CARD = _colour("171b23")
"""The popup, and what can be pressed."""

CARD_EDGE = _colour("2d3440")
WELL = _colour("0c0e13")
"""Where the code lies, sunk into the popup."""

TITLE = _colour("f5f1ea")
TEXT = _colour("d3d7df")
QUIET_TEXT = _colour("a4abb9")
CODE = _colour("ffd899")
"""The code, and nothing else: the one warm thing that draws the eye."""

DEVICE_ID = _colour("a8d4ff")
"""The lamp's id on its own screen, and nothing else."""
GLOW = _colour("ffb45c")
"""The warm light of the confirmation and of identification."""

CONFIRMATION_GLOW = (*GLOW[:3], 0.5)
"""The light behind the confirmation, at its brightest."""

BEACON = (*GLOW[:3], 0.33)
"""The light behind a popup that says which lamp this is, at its brightest."""

QR_PAPER = _colour("f4ead8")
QR_INK = _colour("0c0e13")
"""Dark on light, as the standard asks and every reader reads; the paper is warm, not to glare at night."""

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
"""Over everything when the screen rests, where the backlight itself can't be turned down."""

MOST_WASH = 0.2
"""How much of the lamp's colour the background takes, at most."""


def light(hue: float, saturation: float) -> Colour:
    """Return the colour of a lamp's light at full brightness."""
    return (*hsv_to_rgb(hue, saturation, 1.0), 1.0)


def wash(hue: float, saturation: float, brightness: float, on: bool) -> Colour:
    """Return what the background's glow is tinted with: the lamp's colour, fainter the darker the lamp."""
    strength = MOST_WASH * (0.3 + 0.7 * brightness) if on else 0.0
    return (*light(hue, saturation)[:3], strength)


def globe(hue: float, saturation: float, brightness: float) -> Colour:
    """Return the colour of the lamp that is on: never so dark that it looks off."""
    red, green, blue, _ = light(hue, saturation)
    shade = 0.45 + 0.55 * brightness
    return red * shade, green * shade, blue * shade, 1.0


def sign_on(ground: Colour) -> Colour:
    """Return the colour of a sign that stands out from a ground."""
    return SIGN_ON_LIGHT if luminance(ground) > 0.18 else SIGN_ON_DARK


def luminance(colour: Colour) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4) for part in colour[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def over(ground: Colour, veil: Colour) -> Colour:
    """Return what a colour that is not opaque looks like over an opaque one."""
    red, green, blue = (
        below * (1 - veil[3]) + above * veil[3] for below, above in zip(ground[:3], veil[:3], strict=True)
    )
    return red, green, blue, 1.0
