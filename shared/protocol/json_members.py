"""Reads the members of a JSON object; each function raises `BadPayload` if a member is missing or invalid."""

from collections.abc import Callable
from typing import Any, TypeVar

from shared.protocol.errors import BadMember, BadPayload

_Value = TypeVar("_Value")


def member(members: dict[str, Any], name: str) -> Any:
    """Return a required member."""
    if name not in members:
        raise BadPayload(f"{name!r} is missing")
    return members[name]


def boolean(members: dict[str, Any], name: str) -> bool:
    """Return a boolean member."""
    value = member(members, name)
    if not isinstance(value, bool):
        raise BadPayload(f"{name!r} is neither true nor false")
    return value


def switch(members: dict[str, Any], name: str) -> bool:
    """Return a boolean member, also as some lamps and clients write it: 1 or 0, "true" or "false" in any case."""
    value = member(members, name)
    if type(value) is int and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and (word := value.lower()) in {"true", "false"}:
        return word == "true"
    return boolean(members, name)


def text(members: dict[str, Any], name: str) -> str:
    """Return a string member."""
    value = member(members, name)
    if not isinstance(value, str):
        raise BadPayload(f"{name!r} is not a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # an escaped lone surrogate: JSON allows it, but it can't be displayed or stored
        raise BadPayload(f"{name!r} is not text") from None
    return value


def whole(members: dict[str, Any], name: str, lowest: int, highest: int) -> int:
    """Return an integer within inclusive bounds."""
    value = member(members, name)
    whole = type(value) is int or (
        isinstance(value, float) and value.is_integer()
    )  # JSON does not distinguish 6.0 from 6
    if not whole or not lowest <= value <= highest:
        raise BadPayload(f"{name!r} is not a whole number from {lowest} to {highest}")
    return int(value)


def fraction(members: dict[str, Any], name: str) -> float:
    """Return a number from 0 to 1."""
    value = member(members, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadPayload(f"{name!r} is not a number")
    if not 0 <= value <= 1:  # NaN compares false
        raise BadPayload(f"{name!r} is not from 0 to 1")
    return float(value)


class OptionalMembers:
    """Reads members that may be missing; ``on_bad`` gets invalid ones, and may raise."""

    def __init__(self, members: dict[str, Any], on_bad: Callable[[BadMember], None]) -> None:
        self._members = members
        self._on_bad = on_bad

    def read(self, name: str, read: Callable[[dict[str, Any], str], _Value]) -> _Value | None:
        """Return a member as ``read`` returns it, or None if it is missing or invalid."""
        if name not in self._members:
            return None
        try:
            return read(self._members, name)
        except BadPayload as bad:
            self._on_bad(BadMember(str(bad)))
            return None
