"""Output to terminals and files whose encoding lacks some characters, as in 8-bit locales."""

import codecs
import io
import sys

_ERRORS = "lampi-escape"
_PLAIN = str.maketrans("─│╭╮╰╯", "-|++++")
"""Replacements for box-drawing characters, which escapes would make illegible."""


def escape_unshowable() -> None:
    """Make standard output and error escape characters that their encoding lacks, instead of raising an error."""
    codecs.register_error(_ERRORS, _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _escape(fault: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    text = fault.object[fault.start : fault.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), fault.end
