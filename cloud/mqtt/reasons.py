"""MQTT 5 reason codes: names and advice."""

LOWEST_FAILURE = 0x80
"""Reason codes from here on are errors."""

NOT_AUTHORIZED = 0x87
UNSUPPORTED_VERSION = 0x84
BAD_CREDENTIALS = 0x86
TAKEN_OVER = 0x8E
TOO_LARGE = 0x95
QUOTA_EXCEEDED = 0x97
NO_RETAIN = 0x9A
NO_SUCH_QOS = 0x9B

NOT_RETAINED = 0x100
"""Our own code for MQTT 3.1.1: the broker confirmed a message but does not retain it."""

NO_ANSWER = 0x101
"""Our own code for MQTT 3.1.1: the broker closes the connection instead of answering CONNECT."""

CLOSED_AGAIN = 0x102
"""Our own code: the broker repeatedly closes the connection without a reason."""

PASSING = frozenset((TAKEN_OVER, CLOSED_AGAIN))
"""Reasons after which the broker accepts the next connection."""

OF_3_1_1 = {1: UNSUPPORTED_VERSION, 2: 0x85, 3: 0x88, 4: BAD_CREDENTIALS, 5: NOT_AUTHORIZED}
"""CONNACK return codes of MQTT 3.1.1."""

_NAMES = {
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    UNSUPPORTED_VERSION: "unsupported protocol version",
    0x85: "client identifier not valid",
    BAD_CREDENTIALS: "bad user name or password",
    NOT_AUTHORIZED: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    TAKEN_OVER: "session taken over",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x92: "packet identifier not found",
    0x93: "receive maximum exceeded",
    TOO_LARGE: "packet too large",
    0x96: "message rate too high",
    QUOTA_EXCEEDED: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    NO_RETAIN: "retain not supported",
    NO_SUCH_QOS: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
    NOT_RETAINED: "confirmed but not retained",
    NO_ANSWER: "no answer",
    CLOSED_AGAIN: "closed again and again",
}

_RIVAL = "another client may use the daemon's client id; run only one cloud per broker"
_CREDENTIALS = "check the user and password in LAMPI_BROKER_URL"
_ADVICE = {
    UNSUPPORTED_VERSION: "set LAMPI_MQTT_VERSION to a version that the broker speaks, or to auto",
    BAD_CREDENTIALS: _CREDENTIALS,
    NOT_AUTHORIZED: "let the daemon's user write to its own topics and all lamps' topics in the broker's acl_file",
    TAKEN_OVER: _RIVAL,
    CLOSED_AGAIN: _RIVAL,
    TOO_LARGE: "raise message_size_limit and max_packet_size in mosquitto.conf",
    QUOTA_EXCEEDED: "raise max_inflight_messages and max_inflight_bytes in mosquitto.conf",
    NO_RETAIN: "set retain_available true in mosquitto.conf",
    NO_SUCH_QOS: "set max_qos 2 in mosquitto.conf",
    NOT_RETAINED: "check max_inflight_messages, max_inflight_bytes, message_size_limit and retain_available in "
    "mosquitto.conf, and that acl_file gives the daemon's user read and write access to these topics",
    NO_ANSWER: "check that this is an MQTT broker, with retain_available true and max_qos 2 in mosquitto.conf",
}

OF_SETTINGS = frozenset(_ADVICE)
"""Reason codes for which a setting can be changed."""

_OTHERWISE = "see the broker's log"


def name_of(reason: int) -> str:
    """Return the name of a reason code."""
    return _NAMES.get(reason, f"reason code 0x{reason:02x}")


def advice_on(reason: int) -> str:
    """Return advice on a refusal, naming the setting to change if there is one."""
    return _ADVICE.get(reason, _OTHERWISE)


def advice_on_connecting(reason: int) -> str:
    """Return advice on a refused connection, where "not authorized" is about the user and not about topics."""
    return _CREDENTIALS if reason == NOT_AUTHORIZED else advice_on(reason)
