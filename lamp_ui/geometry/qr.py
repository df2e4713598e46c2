"""QR codes of web addresses: which cells are dark. No Kivy."""

from functools import lru_cache

LEAST_MODULE_PIXELS = 3
"""With fewer, phones at arm's length begin to fail."""

QUIET_MODULES = 4
"""Light cells that the standard (ISO/IEC 18004) requires on every side."""

MOST_MODULES = 37
"""Maximum cells a side, without the quiet zone, that fit on 240 x 320 with `LEAST_MODULE_PIXELS`."""

_MOST_BYTES = 106
"""Capacity of a QR code with that many cells (version 5) at error correction level L."""

Modules = tuple[tuple[bool, ...], ...]


def fits_on_the_screen(text: str) -> bool:
    """Return whether a QR code of this text has large enough cells on the smallest screen."""
    return len(text.encode()) <= _MOST_BYTES


@lru_cache(maxsize=1)
def qr_modules(text: str) -> Modules:
    """Return the rows of a QR code's cells, True for dark, without the quiet zone.

    A screen is not torn or stained, so the lowest error correction level is enough and allows larger cells. A higher
    level is used if it needs no more cells.
    """
    import segno  # noqa: PLC0415  # imported only by lamps that show a QR code

    code = segno.make_qr(text, error="l", mode=None, boost_error=True)
    return tuple(tuple(bool(cell) for cell in row) for row in code.matrix)
