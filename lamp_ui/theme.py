"""The colours of the screen, by what they are for: red, green, blue and opacity, each from 0 to 1.

Dark and calm, for a bedroom at night. Text keeps a contrast of at least 4.5:1 to what lies behind it
(WCAG 2.2, success criterion 1.4.3); a test holds it to that.
"""

Colour = tuple[float, float, float, float]


def _colour(rgb: str) -> Colour:
    red, green, blue = bytes.fromhex(rgb)
    return red / 255, green / 255, blue / 255, 1.0


NIGHT = _colour("0a0c11")
"""Behind everything."""

CARD = _colour("171b23")
"""The popup."""

CARD_EDGE = _colour("2d3440")
WELL = _colour("0c0e13")
"""Where the code lies, sunk into the popup."""

SCRIM = (0.0, 0.0, 0.0, 0.72)
"""Over the main screen while the popup is open: still there, but not to be used."""

TITLE = _colour("f5f1ea")
TEXT = _colour("c9cdd6")
QUIET_TEXT = _colour("959cab")
CODE = _colour("ffd899")
"""The code, and nothing else: the one warm thing that draws the eye."""

DEVICE_ID = _colour("e8ebf1")
GLOW = _colour("ffb45c")
GLOW_CORE = _colour("fff3dc")
LAMP_FOOT = _colour("3a3f4a")

CLOUD = _colour("78d6a5")
LOCAL_ONLY = _colour("f0c05a")
NONE = _colour("f2938c")
