"""The format of association codes, on the wire and on screens."""

import re

CODE_LENGTH = 32
"""Characters of an association code: 128 random bits in lower-case hexadecimal."""

SHORT_CODE_LENGTH = 6
"""Characters that a screen shows and a person types, unless the message sets another length."""

_ASSOCIATION_CODE = re.compile(r"[0-9a-f]{32}")


def is_association_code(text: str) -> bool:
    """Return whether a text is an association code in the wire format."""
    return _ASSOCIATION_CODE.fullmatch(text) is not None


def grouped(short_code: str) -> str:
    """Return a short code in groups, as it is shown and read aloud: `b71e09` is `b71 e09`.

    Groups have three characters if the length is a multiple of three, otherwise four.
    """
    size = 3 if len(short_code) % 3 == 0 else 4
    return " ".join(short_code[start : start + size] for start in range(0, len(short_code), size))
