"""JSON from strangers."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.protocol.errors import BadPayload
from shared.protocol.strict_json import MAX_BYTES, MAX_DEPTH, decode_object


def nested(depth: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    """Return an object that holds objects (or arrays) to a depth, itself counted."""
    return ('{"a":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}").encode()


def filled(size: int) -> bytes:
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, null, true, "\xc3\xa9"]}\n', {"a": [1, 2.5, None, True, "é"]}),
        (b'{"a": {"a": 1}, "b": {"a": 1}}', {"a": {"a": 1}, "b": {"a": 1}}),
    ],
)
def test_an_object_is_read(payload: bytes, value: object) -> None:
    assert decode_object(payload) == value


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": "\n"}', "not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not JSON"),
        (b"1", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"[{}]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "not finite"),
        (b'{"a": [-Infinity]}', "not finite"),
        (b'{"a": 1, "a": 1}', "duplicate member"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "duplicate member"),
        (b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}", "too deeply"),
        (b'{"a":' * 1500, "too deeply|not JSON"),
    ],
)
def test_anything_else_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        decode_object(payload)


def test_the_largest_payload() -> None:
    assert len(filled(MAX_BYTES)) == MAX_BYTES
    decode_object(filled(MAX_BYTES))
    with pytest.raises(BadPayload, match="too large"):
        decode_object(filled(MAX_BYTES + 1))


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('[1,{"a":', "}]")])
def test_the_deepest_nesting(opening: str, closing: str) -> None:
    levels = opening.count("{") + opening.count("[")
    fitting = 1 + (MAX_DEPTH - 1) // levels
    decode_object(nested(fitting, opening, closing))
    with pytest.raises(BadPayload, match="too deeply"):
        decode_object(nested(fitting + 1, opening, closing))


@given(st.binary() | st.text().map(str.encode))
def test_random_bytes_raise_bad_payload_and_nothing_else(payload: bytes) -> None:
    with contextlib.suppress(BadPayload):
        assert isinstance(decode_object(payload), dict)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()))
def test_what_json_writes_is_read_back(members: dict[str, object]) -> None:
    payload = json.dumps(members).encode()
    if b"Infinity" in payload or len(payload) > MAX_BYTES:
        return
    assert decode_object(payload) == members
