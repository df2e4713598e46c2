"""Output in encodings that lack some characters."""

import io
import sys

import pytest

from shared.terminal import escape_unshowable


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "│Zoë│ ☀ \\udcff"),
        ("iso8859-1", "|Zoë| \\u2600 \\udcff"),
        ("ascii", "|Zo\\xeb| \\u2600 \\udcff"),
    ],
)
def test_what_an_encoding_lacks_is_escaped_and_frames_become_plain(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    for name in ("stdout", "stderr"):
        written = io.BytesIO()
        monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding, write_through=True))
        escape_unshowable()
        getattr(sys, name).write("│Zoë│ ☀ \udcff")
        assert written.getvalue() == shown.encode(encoding)


def test_a_program_without_standard_output_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    escape_unshowable()
