"""Parser for packets from the broker, for MQTT 3.1.1 and 5."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cloud.mqtt import packets, reasons
from cloud.mqtt.packets import MQTT_5
from shared.mqtt.messages import Publication

_LONGEST_LENGTH_BYTES = 4
_HIGHEST_QOS = 2


class ProtocolError(Exception):
    """The peer violated the MQTT protocol; the connection is unusable."""


class Message(NamedTuple):
    """A received PUBLISH packet. ``identifier`` is None at QoS 0; ``times`` counts equal packets of one read."""

    topic: bytes
    payload: bytes
    retained: bool
    identifier: int | None
    times: int = 1


@dataclass(frozen=True)
class Limits:
    """The broker's limits for this connection; with MQTT 3.1.1, the defaults.

    ``receive_maximum`` counts messages of QoS 1 and 2 in flight, ``maximum_packet_size`` is in bytes.
    """

    receive_maximum: int = 65_535
    maximum_qos: int = 2
    retain_available: bool = True
    maximum_packet_size: int | None = None
    keepalive_seconds: int | None = None

    def refusal_of(self, publication: Publication, level: int) -> int | None:
        """Return the reason code for which the broker would refuse a publication, or None."""
        if publication.retain and not self.retain_available:
            return reasons.NO_RETAIN
        if not self.maximum_qos:
            return reasons.NO_SUCH_QOS
        largest = self.maximum_packet_size
        if largest is not None and len(packets.publish(publication, publication.qos, 1, level)) > largest:
            return reasons.TOO_LARGE
        return None


@dataclass(frozen=True)
class Connack:
    """The broker's CONNACK: reason 0 means accepted; ``reason_string`` is the reason string, "" for none."""

    reason: int
    limits: Limits = Limits()
    assigned_client_id: str | None = None
    reason_string: str = ""


@dataclass(frozen=True)
class Ended:
    """The broker's DISCONNECT, with reason code and reason string."""

    reason: int
    reason_string: str = ""

    @property
    def text(self) -> str:
        """Why the broker ended the connection and what to change; it continues "The broker at ..."."""
        reason_string = f": {self.reason_string!r}" if self.reason_string else ""
        advice = f"; {reasons.advice_on(self.reason)}" if self.reason in reasons.OF_SETTINGS else ""
        return f"ended the connection ({reasons.name_of(self.reason)}{reason_string}){advice}"


def read_length(data: bytes, at: int) -> tuple[int, int] | None:
    """Return a variable byte integer and its end offset, or None if it is incomplete.

    Raises:
        ProtocolError: longer than four bytes.
    """
    value = shift = 0
    for place in range(at, min(at + _LONGEST_LENGTH_BYTES, len(data))):
        value |= (data[place] & 127) << shift
        if data[place] < 128:
            return value, place + 1
        shift += 7
    if len(data) - at >= _LONGEST_LENGTH_BYTES:
        raise ProtocolError("a length of more than four bytes")
    return None


def read_connack(body: bytes, level: int) -> Connack:
    """Parse a CONNACK; the 3.1.1 format is accepted at any level, since old brokers know no other.

    Raises:
        ProtocolError: malformed.
    """
    if len(body) < 2:
        raise ProtocolError("CONNACK too short")
    reason = body[1]
    if level != MQTT_5 or len(body) == 2:
        if reason and reason not in reasons.OF_3_1_1:
            raise ProtocolError("CONNACK with an unknown return code")
        return Connack(reasons.OF_3_1_1.get(reason, reason))
    found = _properties(body, 2)
    limits = Limits(
        receive_maximum=found.get(0x21, Limits.receive_maximum),
        maximum_qos=found.get(0x24, Limits.maximum_qos),
        retain_available=bool(found.get(0x25, True)),
        maximum_packet_size=found.get(0x27),
        keepalive_seconds=found.get(0x13),
    )
    if limits.receive_maximum == 0 or limits.maximum_packet_size == 0 or limits.maximum_qos > _HIGHEST_QOS:
        raise ProtocolError("CONNACK with an invalid limit")
    return Connack(reason, limits, found.get(0x12), found.get(0x1F, ""))


def read_acknowledgement(body: bytes, level: int) -> tuple[int, int]:
    """Return the packet identifier and the reason code of a PUBACK, PUBREC or PUBCOMP.

    Raises:
        ProtocolError: malformed.
    """
    if len(body) < 2 or (level != MQTT_5 and len(body) != 2):
        raise ProtocolError("acknowledgement of the wrong size")
    if len(body) > 3:
        _properties(body, 3)
    return body[0] << 8 | body[1], body[2] if len(body) > 2 else 0


def read_suback(body: bytes, level: int) -> tuple[int, bytes]:
    """Return the packet identifier of a SUBACK and a reason code for each filter.

    Raises:
        ProtocolError: malformed.
    """
    after = 2
    if level == MQTT_5:
        after = _after_properties(body, 2)
    if len(body) <= after:
        raise ProtocolError("SUBACK without reason codes")
    return body[0] << 8 | body[1], body[after:]


def read_publishes(head: int, bodies: Sequence[bytes], level: int) -> list[Message]:
    """Parse PUBLISH packets with the same first byte; topics are not checked to be UTF-8.

    Raises:
        ProtocolError: malformed, or QoS 2, which is never subscribed to.
    """
    qos, retained, has_properties = head >> 1 & 3, bool(head & 1), level == MQTT_5
    create = tuple.__new__  # `Message(...)` with arguments by position takes as long as all the rest
    messages = []
    for body in bodies:
        after = 2 + (body[0] << 8 | body[1]) if len(body) > 1 else 0
        if not 2 < after <= len(body):
            raise ProtocolError("PUBLISH without a complete topic")
        topic, identifier = body[2:after], None
        if qos:
            identifier = int.from_bytes(body[after : after + 2], "big")
            after += 2
            if qos > 1 or not identifier or after > len(body):
                raise ProtocolError(f"PUBLISH with QoS {qos}, or without a packet identifier")
        if has_properties:
            # Fast path: most packets have no properties, so their length is a single byte 0.
            after = after + 1 if body[after : after + 1] == b"\0" else _after_properties(body, after)
        messages.append(create(Message, (topic, body[after:], retained, identifier, 1)))
    return messages


def read_disconnect(body: bytes) -> Ended:
    """Parse a DISCONNECT.

    Raises:
        ProtocolError: malformed.
    """
    found = _properties(body, 1) if len(body) > 1 else {}
    return Ended(body[0] if body else 0, found.get(0x1F, ""))


def _after_properties(body: bytes, at: int) -> int:
    """Return the end of the properties that begin here, without parsing them."""
    found = read_length(body, at)
    if found is None or found[0] + found[1] > len(body):
        raise ProtocolError("properties longer than the packet")
    return found[0] + found[1]


def _properties(body: bytes, at: int) -> dict[int, Any]:
    """Parse the properties that begin here, by identifier; of a repeated one, the last wins."""
    end = _after_properties(body, at)
    _, at = read_length(body, at) or (0, end)
    found: dict[int, Any] = {}
    while at < end:
        read = _READERS.get(body[at])
        if read is None:
            raise ProtocolError(f"unknown property {body[at]}")
        number = body[at]
        found[number], at = read(body, at + 1)
        if at > end:
            raise ProtocolError("a property longer than the packet")
    return found


def _integer(size: int) -> Callable[[bytes, int], tuple[int, int]]:
    return lambda body, at: (int.from_bytes(body[at : at + size], "big"), at + size)


def _binary(body: bytes, at: int) -> tuple[bytes, int]:
    start = at + 2
    end = start + int.from_bytes(body[at:start], "big")
    return body[start:end], end


def _text(body: bytes, at: int) -> tuple[str, int]:
    value, end = _binary(body, at)
    try:
        return value.decode(), end
    except UnicodeDecodeError:
        raise ProtocolError("a string that is not UTF-8") from None


def _pair(body: bytes, at: int) -> tuple[tuple[str, str], int]:
    name, after = _text(body, at)
    value, end = _text(body, after)
    return (name, value), end


def _variable(body: bytes, at: int) -> tuple[int, int]:
    found = read_length(body, at)
    if found is None:
        raise ProtocolError("an incomplete number")
    return found


_READERS: dict[int, Callable[[bytes, int], tuple[Any, int]]] = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _integer(1)),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), _integer(2)),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), _integer(4)),
    **dict.fromkeys((0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F), _text),
    **dict.fromkeys((0x09, 0x16), _binary),
    0x0B: _variable,
    0x26: _pair,
}
"""Type of each property (MQTT 5.0, table 2-4)."""
