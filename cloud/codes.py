"""Association codes: making them, and reading what a person typed."""

import re
import secrets

from cloud.errors import MalformedCode
from shared.codes import CODE_LENGTH, SHORT_CODE_LENGTH

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_LOOKALIKES = str.maketrans("oil", "011")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")


def generate_association_code() -> str:
    """Return a new association code: 128 random bits, from the system's source for secrets."""
    return secrets.token_hex(CODE_LENGTH // 2)


def short_code(association_code: str) -> str:
    """Return the part of an association code that a screen shows."""
    return association_code[:SHORT_CODE_LENGTH]


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
