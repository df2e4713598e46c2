"""Reads the text on screenshots of the touchscreen with tesseract."""

import os
import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from itertools import pairwise
from tempfile import NamedTemporaryFile

from PIL import Image, ImageChops, ImageDraw, ImageOps

from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import place_mark
from tests.support.waiting import DEADLINE_SECONDS

_HEX = "0123456789abcdef"
_TEXT_HEIGHT = 36
"""Pixels of a character's height that tesseract reads best."""

_LEAST_HEIGHT = 6
_READ_TOGETHER = 8
_SHUFFLED_READINGS = 6
_SHUFFLE = random.Random(1)
_NO_DICTIONARY = ("-c", "load_system_dawg=0", "-c", "load_freq_dawg=0")
_WHITE, _HOLE, _OUTSIDE = 255, 60, 120

Box = tuple[int, int, int, int]
"""Left, top, right, bottom; the last two lie outside."""


def read_code(screen: Image.Image) -> str:
    """Return the association code on a picture of the screen, without spaces; empty where there is none."""
    return read_hex(screen, theme.CODE)


def read_text(screen: Image.Image) -> str:
    """Return the words on a picture of the screen, in lines of single spaces."""
    # Everything on the screen grows with the window, so that one height of text serves all.
    return _read_words(_dark_on_white(_without_mark(screen).convert("L"), 960 / min(screen.size)))


def read_value(screen: Image.Image, label: Box) -> str:
    """Return the one word at the right of a slider's label on a picture of the screen."""
    value = screen.crop((label[0] + (label[2] - label[0]) // 2, *label[1:]))
    return _tesseract(_dark_on_white(value.convert("L"), _TEXT_HEIGHT / value.height), "--psm", "7").strip()


def read_badge(badge: Image.Image) -> str:
    """Return the words on a badge that is dark on light."""
    return _read_words(_dark_on_white(ImageOps.invert(badge.convert("L")), 2 * _TEXT_HEIGHT / badge.height))


def _read_words(picture: Image.Image) -> str:
    return "\n".join(" ".join(line.split()) for line in _tesseract(picture, "--psm", "11").splitlines() if line.strip())


def read_qr(screen: Image.Image) -> str:
    """Return what the QR code on a picture of the screen says, read by zbar; empty where there is none."""
    with NamedTemporaryFile(suffix=".png") as file:
        screen.save(file, "PNG")
        file.flush()
        reading = subprocess.run(
            ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file.name],
            capture_output=True,
            check=False,  # it exits with 4 where there is no code
            timeout=DEADLINE_SECONDS,
        )
    return reading.stdout.decode("utf-8").strip()


def _without_mark(screen: Image.Image) -> Image.Image:
    """Return the picture without the connection's mark: a sign, which tesseract would take for a letter."""
    box = place_mark(*screen.size)
    left, top, right, bottom = round(box.x), round(screen.height - box.top), round(box.right), round(box.height)
    plain = screen.copy()
    plain.paste(screen.crop((right - 1, top, right, top + 1)).resize((right - left, bottom - top)), (left, top))
    return plain


def read_hex(screen: Image.Image, colour: theme.Colour, tolerance: int = 4, last: int | None = None) -> str:
    """Return the hexadecimal characters that a picture of the screen shows in one colour, or the ``last`` so many.

    Small text is nowhere quite its colour: ``tolerance`` says how far (of 255) it may be off. What
    could be made out of none of the readings is a question mark.
    """
    glyphs = [glyph for box in _line_boxes(screen, colour, tolerance) for glyph in _glyphs(_line(screen, box))]
    glyphs = glyphs if last is None else glyphs[-last:]
    return "".join(_read_glyphs(glyphs[at : at + _READ_TOGETHER]) for at in range(0, len(glyphs), _READ_TOGETHER))


def _read_glyphs(glyphs: list[Image.Image]) -> str:
    """Return what a majority of readings makes of some characters.

    Tesseract reads a character by its neighbours and expects a language; a code has none, so that
    two or three of a hundred come out wrong, each time in the same way. Therefore it gets them in
    several orders, each a line of its own, and the readings vote. The orders differ from call to call:
    a second call gets another reading, where the same order would repeat the mistake.
    """
    there = list(range(len(glyphs)))
    orders = [there, there[::-1], *(_SHUFFLE.sample(there, len(there)) for _ in range(_SHUFFLED_READINGS))]
    page = _set_in_lines([[glyphs[place] for place in order] for order in orders])
    text = _tesseract(page, "--psm", "6", "-c", f"tessedit_char_whitelist={_HEX}", *_NO_DICTIONARY)
    readings = ["".join(line.split()) for line in text.splitlines() if line.strip()]
    votes: list[Counter[str]] = [Counter() for _ in glyphs]
    if len(readings) == len(orders):
        for order, reading in zip(orders, readings, strict=True):
            if len(reading) == len(order):
                for place, character in zip(order, reading, strict=True):
                    votes[place][character] += 1
    return "".join(vote.most_common(1)[0][0] if vote else "?" for vote in votes)


def _set_in_lines(lines: list[list[Image.Image]]) -> Image.Image:
    gap, margin = _TEXT_HEIGHT // 4, _TEXT_HEIGHT
    step = max(glyph.height for glyph in lines[0]) + margin
    width = sum(glyph.width + gap for glyph in lines[0]) + 2 * margin
    page = Image.new("L", (width, step * len(lines) + margin), _WHITE)
    for number, line in enumerate(lines):
        left = margin
        for glyph in line:
            page.paste(glyph, (left, margin + number * step))
            left += glyph.width + gap
    return page


def _glyphs(line: Image.Image) -> list[Image.Image]:
    """Return the characters of a line, each as a picture of its own, with slashed zeros made plain.

    Tesseract has not been taught a zero with a slash and reads it as an 8 or not at all. Such a zero
    is the one character with two holes that share some height; those of an 8 lie one above the other.
    """
    paper = line.point([_WHITE if step >= _WHITE // 2 else 0 for step in range(256)])
    ImageDraw.floodfill(paper, (0, 0), _OUTSIDE)
    empty = (_OUTSIDE, _OUTSIDE)
    inked = [paper.crop((at, 0, at + 1, paper.height)).getextrema() != empty for at in range(paper.width)]
    glyphs = []
    for left, right in _runs(inked):
        columns = (left, 0, right, line.height)
        glyph = line.crop(columns)
        holes = _holes(paper.crop(columns))
        if len(holes) == 2 and max(hole[1] for hole in holes) < min(hole[3] for hole in holes):
            lefts, tops, rights, bottoms = zip(*holes, strict=True)
            ImageDraw.Draw(glyph).ellipse((min(lefts), min(tops), max(rights), max(bottoms)), fill=_WHITE)
        glyphs.append(glyph)
    return glyphs


def _holes(glyph: Image.Image) -> list[Box]:
    """Return the box of each patch of paper that a character's ink encloses, leaving out specks."""
    holes = []
    while (box := _where(glyph, _WHITE)) is not None:
        column = next(at for at in range(box[0], box[2]) if glyph.getpixel((at, box[1])) == _WHITE)
        ImageDraw.floodfill(glyph, (column, box[1]), _HOLE)
        hole = _where(glyph, _HOLE)
        ImageDraw.floodfill(glyph, (column, box[1]), _OUTSIDE)
        if hole is not None and hole[3] - hole[1] > _TEXT_HEIGHT / 12:
            holes.append(hole)
    return holes


def _where(picture: Image.Image, shade: int) -> Box | None:
    return picture.point([_WHITE if step == shade else 0 for step in range(256)]).getbbox()


def _line_boxes(screen: Image.Image, colour: theme.Colour, tolerance: int) -> list[Box]:
    """Return the box of each line of text in a colour, from the top."""
    wanted = _in_colour(screen, colour, tolerance)
    rows = [wanted.crop((0, row, wanted.width, row + 1)).getbbox() is not None for row in range(wanted.height)]
    boxes = []
    for top, bottom in _runs(rows):
        columns = wanted.crop((0, top, wanted.width, bottom)).getbbox()
        if columns is not None and bottom - top >= _LEAST_HEIGHT:
            boxes.append((columns[0] - 1, top - 1, columns[2] + 1, bottom + 1))
    return boxes


def colour_box(screen: Image.Image, colour: theme.Colour, tolerance: int = 4) -> Box | None:
    """Return the box of all that has a colour; None where nothing has."""
    return _in_colour(screen, colour, tolerance).getbbox()


def _in_colour(screen: Image.Image, colour: theme.Colour, tolerance: int) -> Image.Image:
    plain = Image.new("RGB", screen.size, tuple(round(255 * part) for part in colour[:3]))
    red, green, blue = ImageChops.difference(screen, plain).split()
    farthest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return farthest.point([_WHITE if step <= tolerance else 0 for step in range(256)])


def _line(screen: Image.Image, box: Box) -> Image.Image:
    return _dark_on_white(screen.crop(box).convert("L"), _TEXT_HEIGHT / (box[3] - box[1]))


def _runs(filled: Sequence[bool]) -> list[tuple[int, int]]:
    """Return where each unbroken run of filled places starts, and where it has ended."""
    edges = [at for at, (before, after) in enumerate(pairwise([False, *filled, False])) if before != after]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _dark_on_white(grey: Image.Image, scale: float) -> Image.Image:
    larger = grey.resize((round(grey.width * scale), round(grey.height * scale)), Image.Resampling.LANCZOS)
    return ImageOps.expand(ImageOps.invert(ImageOps.autocontrast(larger, cutoff=2)), 24, 255)


def _tesseract(picture: Image.Image, *options: str) -> str:
    file = BytesIO()
    picture.save(file, "PNG")
    return _tesseract_png(file.getvalue(), options)


@cache  # a waiting test reads the same picture many times
def _tesseract_png(png: bytes, options: tuple[str, ...]) -> str:
    reading = subprocess.run(
        ["tesseract", "stdin", "stdout", "--dpi", "150", *options],
        input=png,
        capture_output=True,
        check=True,
        timeout=DEADLINE_SECONDS,
        env=os.environ | {"OMP_THREAD_LIMIT": "1"},  # several threads only wait for each other on so little
    )
    return reading.stdout.decode("utf-8").strip()
