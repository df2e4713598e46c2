"""Association codes: making them, and reading what a person typed."""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence

from cloud.errors import MalformedCode
from shared.codes import CODE_LENGTH, SHORT_CODE_LENGTH

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_LOOKALIKES = str.maketrans("oil", "011")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")


def generate_association_code() -> str:
    """Return a new association code: 128 random bits, from the system's source for secrets."""
    return secrets.token_hex(CODE_LENGTH // 2)


def _generate(count: int) -> Iterator[str]:
    """Yield as many codes; the system is asked once for all of their bits."""
    digits = secrets.token_hex(CODE_LENGTH // 2 * count)
    return (digits[start : start + CODE_LENGTH] for start in range(0, len(digits), CODE_LENGTH))


def fresh_codes(count: int, length: int, taken: Callable[[Sequence[str]], set[str]]) -> list[tuple[str, int]]:
    """Return new codes, each with the length of its short code: as asked for, or more where most such are taken.

    No two short codes are alike, nor one of those that are ``taken`` among the ones it is given. Inside the write
    transaction that stores them, nobody else can take one in between.
    """
    codes: dict[str, str] = {}
    while len(codes) < count:
        missing = count - len(codes)
        drawn = {code[:length]: code for code in _generate(missing)}
        for short in taken(list(drawn)):
            del drawn[short]
        codes |= drawn
        if 2 * len(drawn) < missing:
            length = min(length + 1, CODE_LENGTH)
    return [(code, len(short)) for short, code in codes.items()]


def read_code(typed: str) -> str:
    """Return what a person typed as the beginning of an association code, 6 to 32 characters.

    Case, spaces and hyphens do not matter; `o` is read as 0, `i` and `l` as 1.

    Raises:
        MalformedCode: it can't be one.
    """
    code = _SEPARATORS.sub("", typed).lower().translate(_LOOKALIKES)
    if not SHORT_CODE_LENGTH <= len(code) <= CODE_LENGTH:
        raise MalformedCode(
            f"A code has at least {SHORT_CODE_LENGTH} characters and at most {CODE_LENGTH}; this has {len(code)}."
        )
    if not _HEXADECIMAL.fullmatch(code):
        raise MalformedCode("A code has only the digits 0 to 9 and the letters a to f.")
    return code
