"""What is fuzzed: a reader, what it is given, and what it may raise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.inputs import bytes_like, settings_like, text_like

_BETWEEN_SETTINGS = b"\n"


@dataclass(frozen=True)
class Target:
    """A reader and the only errors that it may raise: exactly these, no kinds of them.

    ``inputs`` is what hypothesis draws. ``from_bytes`` makes an input of any bytes, for a fuzzer that knows only those,
    and ``seeds`` are bytes to begin with.
    """

    name: str
    read: Callable[[Any], object]
    raises: tuple[type[Exception], ...]
    inputs: st.SearchStrategy[Any]
    from_bytes: Callable[[bytes], Any]
    seeds: Sequence[bytes]

    def accepts(self, given: Any) -> bool:
        """Have it read something; return whether it could.

        Any other error than those that it may raise comes through.
        """
        try:
            self.read(given)
        except self.raises as error:
            if type(error) not in self.raises:
                raise
            return False
        return True


def of_bytes(
    name: str,
    read: Callable[[bytes], object],
    raises: type[Exception] | tuple[type[Exception], ...],
    *examples: bytes,
    inputs: st.SearchStrategy[bytes] | None = None,
) -> Target:
    """Return a target that reads what came off the wire."""
    allowed = raises if isinstance(raises, tuple) else (raises,)
    return Target(name, read, allowed, bytes_like(examples) if inputs is None else inputs, bytes, examples)


def of_text(name: str, read: Callable[[str], object], raises: type[Exception] | None, *examples: str) -> Target:
    """Return a target that reads user input; also lone halves of characters may come in."""
    allowed = () if raises is None else (raises,)
    seeds = [example.encode() for example in examples]
    return Target(name, read, allowed, text_like(examples), _text, seeds)


def of_settings(
    name: str,
    read: Callable[[Mapping[str, str]], object],
    raises: type[Exception],
    examples: Mapping[str, Sequence[str]],
) -> Target:
    """Return a target that reads settings by name."""

    def from_bytes(data: bytes) -> dict[str, str]:
        return dict(zip(examples, map(_text, data.split(_BETWEEN_SETTINGS)), strict=False))

    seed = _BETWEEN_SETTINGS.join(texts[0].encode() for texts in examples.values())
    return Target(name, read, (raises,), settings_like(examples), from_bytes, [seed])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
