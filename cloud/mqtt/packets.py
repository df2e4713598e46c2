"""Packets sent by a client, for MQTT 3.1.1 and 5 (numbers as in the OASIS standards)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.mqtt.messages import Publication

MQTT_3_1_1, MQTT_5 = 4, 5
"""Protocol levels in CONNECT."""

LEVELS = {"auto": (MQTT_5, MQTT_3_1_1), "5": (MQTT_5,), "3.1.1": (MQTT_3_1_1,)}
"""Protocol levels to try, in order, by value of the setting."""

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x10, 0x20, 0x30, 0x40, 0x50, 0x62, 0x70
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 0x82, 0x90, 0xA2, 0xB0, 0xC0, 0xD0, 0xE0

KIND = 0xF0
"""The bits of a packet's first byte that say what it is."""

HIGHEST_IDENTIFIER = 65_535

MOST_PACKET_BYTES = 65_536
"""Largest packet that the client accepts. The daemon subscribes to presence, numbers and its own small messages."""

NOT_FOUND = 0x92
"""Reason code for an unknown packet identifier."""

PING = bytes((PINGREQ, 0))
GOODBYE = bytes((DISCONNECT, 0))

_CLEAN_START, _WILL, _WILL_RETAIN, _PASSWORD, _USERNAME = 0x02, 0x04, 0x20, 0x40, 0x80
_SHORT = struct.Struct("!H")
_ACKNOWLEDGEMENT = struct.Struct("!BBH")
_EXPIRY = struct.Struct("!BBI")
_MAXIMUM_PACKET_SIZE = struct.pack("!BBI", 5, 0x27, MOST_PACKET_BYTES)


@dataclass(frozen=True)
class Login:
    """Connection parameters; the password is kept out of ``repr``."""

    client_id: str
    keepalive_seconds: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    will: Publication | None = None


def connect(login: Login, level: int) -> bytes:
    """Return a CONNECT packet with a clean start."""
    no_properties = _no_properties(level)
    properties = _MAXIMUM_PACKET_SIZE if level == MQTT_5 else b""
    flags, payload = _CLEAN_START, [_text(login.client_id)]
    if login.will is not None:
        flags |= _WILL | login.will.qos << 3 | (_WILL_RETAIN if login.will.retain else 0)
        payload += [no_properties, _text(login.will.topic), _binary(login.will.payload)]
    if login.username is not None:
        flags |= _USERNAME
        payload.append(_text(login.username))
    if login.password is not None:
        flags |= _PASSWORD
        payload.append(_text(login.password))
    head = _text("MQTT") + bytes((level, flags)) + _SHORT.pack(login.keepalive_seconds) + properties
    return _packet(CONNECT, head + b"".join(payload))


def subscribe(identifier: int, filters: Sequence[tuple[str, int]], level: int) -> bytes:
    """Return a SUBSCRIBE packet for topic filters, each with its maximum QoS."""
    wanted = b"".join(_text(topic_filter) + bytes((qos,)) for topic_filter, qos in filters)
    return _packet(SUBSCRIBE, _SHORT.pack(identifier) + _no_properties(level) + wanted)


def unsubscribe(identifier: int, filters: Sequence[str], level: int) -> bytes:
    """Return an UNSUBSCRIBE packet for topic filters."""
    return _packet(UNSUBSCRIBE, _SHORT.pack(identifier) + _no_properties(level) + b"".join(map(_text, filters)))


def publish(publication: Publication, qos: int, identifier: int, level: int) -> bytes:
    """Return a PUBLISH packet of QoS 1 or 2."""
    topic, payload = publication.topic.encode(), publication.payload
    head = PUBLISH | qos << 1 | publication.retain
    after_topic = _SHORT.pack(identifier)
    if level == MQTT_5:
        after_topic += b"\0" if publication.expiry_seconds is None else _EXPIRY.pack(5, 2, publication.expiry_seconds)
    size = len(topic) + len(payload) + len(after_topic) + 2
    length = bytes((size & 127 | 128, size >> 7)) if 127 < size < 128 * 128 else variable_length(size)
    return b"".join((bytes((head,)), length, _SHORT.pack(len(topic)), topic, after_topic, payload))


def acknowledge(head: int, identifier: int) -> bytes:
    """Return a successful PUBACK or PUBREL."""
    return _ACKNOWLEDGEMENT.pack(head, 2, identifier)


def release_unknown(identifier: int, level: int) -> bytes:
    """Return the PUBREL for a PUBREC with an unknown packet identifier."""
    if level != MQTT_5:
        return acknowledge(PUBREL, identifier)
    return _packet(PUBREL, _SHORT.pack(identifier) + bytes((NOT_FOUND,)))


def variable_length(value: int) -> bytes:
    """Encode a variable byte integer: seven bits per byte, least significant first."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | 128 if value else digit)
        if not value:
            return bytes(out)


def _packet(head: int, body: bytes) -> bytes:
    return bytes((head,)) + variable_length(len(body)) + body


def _no_properties(level: int) -> bytes:
    return b"\0" if level == MQTT_5 else b""


def _text(value: str) -> bytes:
    return _binary(value.encode())


def _binary(value: bytes) -> bytes:
    return _SHORT.pack(len(value)) + value
