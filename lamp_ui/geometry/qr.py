"""A web address as a QR code: which cells are dark. Knows no Kivy."""

from functools import lru_cache

LEAST_MODULE_PIXELS = 3
"""Below, phones that are held at an arm's length begin to fail."""

QUIET_MODULES = 4
"""Light cells that the standard (ISO/IEC 18004) asks for on every side."""

MOST_MODULES = 37
"""Cells a side, without the quiet zone: what fits, at `LEAST_MODULE_PIXELS`, beside all else on 240 x 320."""

_MOST_BYTES = 106
"""What a QR code of so many cells (version 5) holds at error correction L."""

Modules = tuple[tuple[bool, ...], ...]


def fits_on_the_screen(text: str) -> bool:
    """Tell whether a QR code of this text has modules that are large enough on the smallest screen."""
    return len(text.encode()) <= _MOST_BYTES


@lru_cache(maxsize=1)
def qr_modules(text: str) -> Modules:
    """Return a QR code's rows of cells, True for dark, without its quiet zone.

    A screen is not torn or stained: the lowest error correction serves, and makes the cells larger;
    where the same size allows more, it gets more.
    """
    import segno  # noqa: PLC0415  # only a lamp that shows a QR code pays for it

    code = segno.make_qr(text, error="l", mode=None, boost_error=True)
    return tuple(tuple(bool(cell) for cell in row) for row in code.matrix)
