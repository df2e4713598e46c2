"""Parses untrusted JSON, with limits on size and depth, finite numbers and no duplicate members."""

import json
from typing import Any, NoReturn

from shared.protocol.errors import BadPayload

MAX_BYTES = 8192
"""The largest payload that is parsed; the longest valid one has under 1,000 bytes."""

MAX_DEPTH = 8
"""How deep objects and arrays may nest; the formats need two."""


def decode_object(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in a payload.

    Raises:
        BadPayload: it is too large, not UTF-8, not JSON, not an object, nested too deeply, or has a duplicate member or
            a number that is not finite.
    """
    if len(payload) > MAX_BYTES:
        raise BadPayload(f"too large ({len(payload)} bytes, at most {MAX_BYTES})")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPayload("not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_each_member_once, parse_constant=_refuse_constant)
    except BadPayload:
        raise
    except RecursionError:
        raise BadPayload("nested too deeply") from None
    except ValueError:  # includes Python's limit on the digits of an integer
        raise BadPayload("not JSON") from None
    if not isinstance(value, dict):
        raise BadPayload("not a JSON object")
    _refuse_depth(value)
    return value


def _each_member_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadPayload("it has a duplicate member")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise BadPayload("a number is not finite")


def _refuse_depth(value: dict[str, Any]) -> None:
    layer: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return
    raise BadPayload("nested too deeply")
