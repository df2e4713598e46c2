"""Every payload on the wire: its meaning, encoding and validation."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, NoReturn

from shared.protocol import json_members
from shared.protocol.codes import CODE_LENGTH, SHORT_CODE_LENGTH, is_association_code
from shared.protocol.errors import BadMember, BadPayload
from shared.protocol.json_members import OptionalMembers
from shared.protocol.reset import Reset, read_reset
from shared.protocol.strict_json import decode_object

UP = b"1"
DOWN = b"0"
LONGEST_GOOD_FOR = 2**31 - 1
"""Seconds; 68 years, the largest signed 32-bit integer."""
MOST_PUBLICATIONS = 2**53
"""The highest version of a publication; every JSON parser represents integers up to it exactly."""
LONGEST_LAMP_NAME = 100
"""Characters (code points) of the name that an owner gives a lamp."""

CLEARED = b""
"""An empty retained payload: the broker forgets the message that it had retained on the topic."""

WITHDRAWN = b'{"associated": true, "withdrawn": true}'
"""The cloud withdraws what it said, and nothing is known about the owner: to our readers the same as `CLEARED`.

Stock screens stop receiving after an empty `associated` payload. They read this one, and close their popup.
"""


@dataclass(frozen=True)
class Unassociated:
    """The lamp is unclaimed: it shows the first ``short_code_length`` characters of its code.

    ``code`` (32 lower-case hexadecimal characters) stays out of ``repr``, so that it can't reach a log. ``url`` is
    where to claim the lamp, for text and QR. When ``identify`` changes, the screen shows for a few seconds that this is
    the lamp. ``good_for`` is the code's lifetime in seconds from when it was issued, None if it never expires.
    """

    code: str = field(repr=False)
    url: str | None = None
    short_code_length: int = SHORT_CODE_LENGTH
    identify: str | None = None
    good_for: int | None = None

    def encode(self) -> bytes:
        """Return the payload; optional members appear only where they differ from their defaults."""
        # The common case; formatting it directly takes a tenth of the time of `json`.
        required = f'"associated": false, "code": {encode_basestring_ascii(self.code)}'
        if self.good_for is not None:
            required += f', "good_for": {self.good_for}'
        return f"{{{required}{_optional_members(self.url, self.short_code_length, self.identify)}}}".encode()


@lru_cache(maxsize=16)
def _optional_members(url: str | None, short_code_length: int, identify: str | None) -> str:
    """Format the members that most lamps of a burst have in common, each after a comma."""
    length = None if short_code_length == SHORT_CODE_LENGTH else short_code_length
    every = {"url": url, "short_code_length": length, "identify": identify}
    members = {name: value for name, value in every.items() if value is not None}
    return f", {json.dumps(members)[1:-1]}" if members else ""


@dataclass(frozen=True)
class Associated:
    """The lamp has an owner; ``name`` is the owner's name for it, ``reset`` the answer to a request at the lamp."""

    name: str | None = None
    reset: Reset | None = None

    def encode(self) -> bytes:
        """Return the payload, without members that are None."""
        members: dict[str, Any] = {"associated": True}
        if self.name is not None:
            members["name"] = self.name
        if self.reset is not None:
            members["reset"] = self.reset.members()
        return json.dumps(members).encode()


Association = Unassociated | Associated


def _refuse(bad: BadMember) -> NoReturn:
    raise bad


def decode_association(payload: bytes, on_bad_member: Callable[[BadMember], None] = _refuse) -> Association | None:
    """Decode the payload of an `associated` topic; None means that it was cleared or withdrawn.

    ``on_bad_member`` gets each invalid optional member except `short_code_length`, and by default raises it.

    Raises:
        BadPayload: see `decode_object`; or a member is missing, of the wrong type or out of range.
    """
    if payload == CLEARED:
        return None
    members = decode_object(payload)
    optional = OptionalMembers(members, on_bad_member)
    if json_members.boolean(members, "associated"):
        if optional.read("withdrawn", json_members.boolean):
            return None
        return Associated(optional.read("name", _name), reset=optional.read("reset", read_reset))
    code = json_members.text(members, "code").lower()
    if not is_association_code(code):
        raise BadPayload(f"'code' is not {CODE_LENGTH} hexadecimal characters")
    length = SHORT_CODE_LENGTH
    if "short_code_length" in members:  # never skipped if invalid: screen and cloud must agree on the short code
        length = json_members.whole(members, "short_code_length", SHORT_CODE_LENGTH, CODE_LENGTH)
    return Unassociated(
        code,
        optional.read("url", json_members.text),
        length,
        optional.read("identify", json_members.text),
        optional.read("good_for", lambda members, name: json_members.whole(members, name, 1, LONGEST_GOOD_FOR)),
    )


@dataclass(frozen=True)
class Color:
    """A lamp's colour: hue and saturation, each from 0 to 1."""

    h: float
    s: float


@dataclass(frozen=True)
class LampConfig:
    """The state that a lamp reports (`changed`) or a client requests (`set_config`).

    ``brightness`` is from 0 to 1. A member that is None is absent from the message and stays unchanged. ``client`` is
    the name of the client that requested the change, by which it recognizes its own echo.
    """

    color: Color | None = None
    brightness: float | None = None
    on: bool | None = None
    client: str = ""

    def encode(self) -> bytes:
        """Return the payload, without members that are None."""
        members: dict[str, Any] = {}
        if self.color is not None:
            members["color"] = {"h": self.color.h, "s": self.color.s}
        if self.brightness is not None:
            members["brightness"] = self.brightness
        if self.on is not None:
            members["on"] = self.on
        members["client"] = self.client
        return json.dumps(members).encode()


def decode_lamp_config(payload: bytes, on_bad_member: Callable[[BadMember], None] = _refuse) -> LampConfig:
    """Decode a `changed` or `set_config` payload; ``on_bad_member`` gets each invalid member, and by default raises it.

    Raises:
        BadPayload: see `decode_object`.
    """
    members = decode_object(payload)
    optional = OptionalMembers(members, on_bad_member)
    return LampConfig(
        color=optional.read("color", _color),
        brightness=optional.read("brightness", json_members.fraction),
        on=optional.read("on", json_members.switch),
        client=optional.read("client", json_members.text) or "",
    )


@dataclass(frozen=True)
class HighWaterMark:
    """Which publications of a database (``origin``) the broker has: all up to a version, and all in ``also``.

    ``also`` lists ranges, each above one version and up to another; the broker may lack the versions between them.
    """

    origin: str
    version: int
    also: tuple[tuple[int, int], ...] = ()

    def encode(self) -> bytes:
        """Return the payload; ``also`` is left out if empty."""
        members: dict[str, Any] = {"origin": self.origin, "version": self.version}
        if self.also:
            members["also"] = self.also
        return json.dumps(members).encode()


def decode_high_water_mark(payload: bytes) -> HighWaterMark:
    """Decode the high-water mark from the broker's retained message.

    Raises:
        BadPayload: see `decode_object`; or a member is missing or of the wrong type.
    """
    members = decode_object(payload)
    origin, version = json_members.text(members, "origin"), json_members.whole(members, "version", 0, MOST_PUBLICATIONS)
    return HighWaterMark(origin, version, _ranges(members, "also") if "also" in members else ())


def decode_count(payload: bytes) -> int:
    """Decode one of Mosquitto's counters.

    Raises:
        BadPayload: it is not a whole number in digits.
    """
    if not payload.isdigit() or len(payload) > 20:
        raise BadPayload("not a count")
    return int(payload)


def decode_up(payload: bytes) -> bool:
    """Decode a presence or connection state: True for up, False for down.

    Raises:
        BadPayload: it is neither `1` nor `0`.
    """
    if payload not in (UP, DOWN):
        raise BadPayload("neither '1' nor '0'")
    return payload == UP


def _color(members: dict[str, Any], name: str) -> Color:
    if not isinstance(parts := members[name], dict):
        raise BadPayload(f"{name!r} is not an object")
    return Color(json_members.fraction(parts, "h"), json_members.fraction(parts, "s"))


def _name(members: dict[str, Any], name: str) -> str:
    value = json_members.text(members, name)
    if not 1 <= len(value) <= LONGEST_LAMP_NAME:
        raise BadPayload(f"{name!r} does not have 1 to {LONGEST_LAMP_NAME} characters")
    return value


def _ranges(members: dict[str, Any], name: str) -> tuple[tuple[int, int], ...]:
    value = json_members.member(members, name)
    if not isinstance(value, list) or not all(isinstance(one, list) and len(one) == 2 for one in value):
        raise BadPayload(f"{name!r} is not a list of pairs")
    versions = [[json_members.whole({name: version}, name, 0, MOST_PUBLICATIONS) for version in one] for one in value]
    return tuple((after, up_to) for after, up_to in versions)
