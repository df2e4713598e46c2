"""Untrusted inputs: arbitrary ones, and almost valid ones."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from tests.shared.protocol.json_documents import mutated

_PIECES = st.sampled_from(["", ":", "/", "//", "@", "%", "%2F", "%zz", "[", "]", "#", "?", "\x00", "\u0661", "\ud800"])


def bytes_like(examples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return anything, and examples in which something was changed."""
    return st.binary() | mutated(st.sampled_from(examples)) | st.text().map(lambda text: text.encode())


@st.composite
def _changed(draw: st.DrawFn, examples: Sequence[str]) -> str:
    text = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 4)))
        text = text[:start] + draw(_PIECES | st.text(max_size=3)) + text[end:]
    return text


def text_like(examples: Sequence[str]) -> st.SearchStrategy[str]:
    """Return any text, and examples in which something was changed."""
    return st.text() | _changed(examples)


def settings_like(examples: Mapping[str, Sequence[str]]) -> st.SearchStrategy[dict[str, str]]:
    """Return settings by name, each as in its examples, or changed, or missing, or anything."""
    return st.fixed_dictionaries({}, optional={name: text_like(texts) for name, texts in examples.items()})
