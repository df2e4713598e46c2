"""Small antialiased images as RGBA bytes, lowest row first. No Kivy."""

from collections.abc import Callable
from math import hypot

Paint = Callable[[float], tuple[float, float, float, float]]
"""Maps a position from 0 (left) to 1 (right) to a colour."""


def pill(width: int, height: int, paint: Paint) -> bytes:
    """Return a bar with round ends whose colour changes from left to right, of any size from one pixel."""
    radius = min(width, height) / 2
    last = max(1.0, width - 1 - 2 * radius)
    # The gradient spans the positions of the knob's centre.
    colours = [paint(min(1.0, max(0.0, (x - radius) / last))) for x in range(width)]
    ends = int(radius)
    middle = b"".join(_pixel(colour, 1.0) for colour in colours[ends : width - ends])
    pixels = bytearray()
    for y in range(height):
        # The vertical distance from the centres of the two round ends.
        rise = max(0.0, radius - y - 0.5, y + 0.5 - (height - radius))
        left = [_cover(radius - hypot(x + 0.5 - radius, rise)) for x in range(ends)]
        pixels += b"".join(_pixel(colour, cover) for colour, cover in zip(colours, left, strict=False))
        pixels += middle
        right = zip(colours[width - ends :], reversed(left), strict=True)
        pixels += b"".join(_pixel(colour, cover) for colour, cover in right)
    return bytes(pixels)


def disc(side: int) -> bytes:
    """Return a white disc that fills a square."""
    return _radial(side, lambda distance: _cover((1 - distance) * side / 2))


def glow(side: int) -> bytes:
    """Return a white glow that fades from the centre of a square to its edge."""
    return _radial(side, lambda distance: max(0.0, 1 - distance) ** 1.8)


def _radial(side: int, strength: Callable[[float], float]) -> bytes:
    half = side / 2
    white = (1.0, 1.0, 1.0, 1.0)
    return b"".join(
        _pixel(white, strength(hypot(x + 0.5 - half, y + 0.5 - half) / half)) for y in range(side) for x in range(side)
    )


def _cover(inside: float) -> float:
    return min(1.0, max(0.0, inside + 0.5))


def _pixel(colour: tuple[float, float, float, float], cover: float) -> bytes:
    red, green, blue, opacity = colour
    return bytes((round(255 * red), round(255 * green), round(255 * blue), round(255 * opacity * cover)))
