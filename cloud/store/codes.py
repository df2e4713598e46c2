"""Association codes: generating them and parsing user input."""

import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.errors import MalformedCode
from shared.protocol.codes import CODE_LENGTH, SHORT_CODE_LENGTH

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_LOOKALIKES = str.maketrans("oil", "011")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class LiveSince:
    """Issue times after which a code is live: ``usual``, and ``offline`` for one issued while its lamp was offline."""

    usual: datetime
    offline: datetime


def generate_association_code() -> str:
    """Return a new association code: 128 bits from a cryptographic random source."""
    return secrets.token_hex(CODE_LENGTH // 2)


def _generate(count: int) -> Iterator[str]:
    """Yield ``count`` codes, reading the random source once."""
    digits = secrets.token_hex(CODE_LENGTH // 2 * count)
    return (digits[start : start + CODE_LENGTH] for start in range(0, len(digits), CODE_LENGTH))


def fresh_codes(
    count: int, length: int, taken: Callable[[Sequence[str]], set[str]], longest: int = CODE_LENGTH
) -> list[tuple[str, int]]:
    """Return new codes, each with the length of its short code.

    Short codes are unique among themselves and among those for which ``taken`` reports a match. The length grows beyond
    ``length``, up to ``longest``, when most short codes of that length are taken. Call this inside the write
    transaction that stores the codes, so that no other process can take one in between.
    """
    codes: dict[str, str] = {}
    while len(codes) < count:
        missing = count - len(codes)
        drawn = {code[:length]: code for code in _generate(missing)}
        for short in taken(list(drawn)):
            del drawn[short]
        codes |= drawn
        if 2 * len(drawn) < missing:
            length = min(length + 1, longest)
    return [(code, len(short)) for short, code in codes.items()]


def read_code(typed: str) -> str:
    """Normalize user input to the first 6 to 32 characters of an association code.

    Case, spaces, hyphens and invisible characters are ignored, and full-width digits are read; `o` is read as 0, `i`
    and `l` as 1.

    Raises:
        MalformedCode: the text is not a well-formed code.
    """
    plain = unicodedata.normalize("NFKC", typed)
    visible = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    code = _SEPARATORS.sub("", visible).lower().translate(_LOOKALIKES)
    if not SHORT_CODE_LENGTH <= len(code) <= CODE_LENGTH:
        raise MalformedCode(
            "A code has %(shortest)s to %(longest)s characters; this one has %(length)s.",
            shortest=SHORT_CODE_LENGTH,
            longest=CODE_LENGTH,
            length=len(code),
        )
    if not _HEXADECIMAL.fullmatch(code):
        raise MalformedCode("A code contains only the digits 0 to 9 and the letters a to f.")
    return code
