"""Builds and parses every topic on the wire."""

import re
from dataclasses import dataclass

from shared.protocol.errors import BadTopic, quoted


@dataclass(frozen=True)
class Delivery:
    """How a topic's messages are published."""

    qos: int
    retain: bool


ASSOCIATED = Delivery(qos=2, retain=True)
SET_CONFIG = Delivery(qos=2, retain=False)
"""Mosquitto delivers a QoS 2 message when the sender has completed the handshake, not when it arrives. So closing the
connection revokes a request that a hanging broker has not read. A QoS 1 request takes effect when the broker resumes,
even after a TCP reset: Linux keeps what the broker's socket has received."""
CHANGED = Delivery(qos=1, retain=True)
CONNECTION = Delivery(qos=2, retain=True)
MARK_DELIVERY = Delivery(qos=2, retain=True)
PROBE_DELIVERY = Delivery(qos=1, retain=False)
STATE_DELIVERY = Delivery(qos=1, retain=True)

PRESENCE_FILTER = "$SYS/broker/connection/+/state"
"""Matches the state of every bridge that connects to the broker, including bridges that are not lamps."""

CLIENT_PRESENCE_FILTER = re.compile(r"devices/\+/lamp/connection/[^/+#\x00]+/state")
"""Filters for the presence of a client on each lamp, for brokers without `$SYS`."""

_PRESENCE = re.compile(
    r"\$SYS/broker/connection/([0-9a-f]{12})(?:_broker)?/state|devices/([0-9a-f]{12})/lamp/connection/[^/]+/state",
    re.IGNORECASE | re.ASCII,
)
_ASSOCIATED = re.compile(r"devices/([0-9a-f]{12})/lamp/associated")


def lamp_prefix(device_id: str) -> str:
    """Return the prefix of a lamp's topics in the cloud.

    It is the same on the lamp, unless its bridge strips it.
    """
    return f"devices/{device_id}/"


def presence(device_id: str) -> str:
    """Return the topic on which a stock LAMPI's bridge publishes `1` (up) or `0` (down)."""
    return f"$SYS/broker/connection/{device_id}_broker/state"


def provisioned_presence(device_id: str) -> str:
    """Return the same topic for a provisioned lamp, whose bridge is named after the device id alone.

    Mosquitto 2.1's access rules compare a client's name only with whole topic levels, so they can't allow each lamp its
    own `_broker`.
    """
    return f"$SYS/broker/connection/{device_id}/state"


def presence_topics(device_id: str) -> tuple[str, ...]:
    """Return the possible presence topics of a lamp's bridge: bridges are named by hand, often in upper case.

    They have no wildcard, which would match all lamps if the broker is the cloud's.
    """
    spellings = (device_id, device_id.upper())
    return tuple(dict.fromkeys(topic(name) for topic in (provisioned_presence, presence) for name in spellings))


def parse_presence(topic: str) -> str | None:
    """Return the device id in a presence topic, or None for another bridge.

    Case does not matter: bridges are named by hand, and a MAC is often written in upper case.
    """
    match = _PRESENCE.fullmatch(topic)
    return (match[1] or match[2]).lower() if match else None


def parse_presence_filters(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of topic filters for presence.

    Raises:
        ValueError: one of them is not a filter for lamps' presence.
    """
    filters = tuple(part.strip() for part in text.split(","))
    for topic_filter in filters:
        if topic_filter != PRESENCE_FILTER and not CLIENT_PRESENCE_FILTER.fullmatch(topic_filter):
            raise ValueError(
                f"{quoted(topic_filter)} is neither {PRESENCE_FILTER} nor devices/+/lamp/connection/<client>/state"
            )
    return filters


def associated(prefix: str) -> str:
    """Return the topic that says whether a lamp is associated."""
    return f"{prefix}lamp/associated"


def parse_associated(topic: str) -> str:
    """Return the device id that a cloud-side `associated` topic names.

    Raises:
        BadTopic: it is not ``devices/<device_id>/lamp/associated``.
    """
    match = _ASSOCIATED.fullmatch(topic)
    if match is None:
        raise BadTopic("not an 'associated' topic")
    return match[1]


EVERY_TOPIC = ("#", "$SYS/#")
"""Filters that together match every topic on which a client may publish; `#` alone leaves out `$SYS`."""

ASSOCIATED_FILTER = "devices/+/lamp/associated"
"""Matches the `associated` topic of every lamp."""

HIGH_WATER_MARK = "lampi/cloud/high_water_mark"
"""The topic of the daemon's retained mark: the version up to which the broker has every publication."""

PROBE = "lampi/cloud/probe"
"""The topic on which the daemon receives its own message, after all retained messages have arrived."""

STATE = "lampi/cloud/state"
"""The topic on which the active daemon announces that it is online; its will announces the opposite."""

DROPPED = "$SYS/broker/publish/messages/dropped"
"""Mosquitto's count of messages that it dropped because a client's queue was full."""


def filter_pattern(topic_filter: str) -> re.Pattern[str]:
    """Return what matches the topics that a filter does; none of ours begins with a wildcard or has one for the rest.

    Raises:
        ValueError: it begins with one, or has one.
    """
    if topic_filter.startswith("+") or "#" in topic_filter:
        raise ValueError(f"{quoted(topic_filter)} has a wildcard that we do not use")
    return re.compile("[^/]*".join(re.escape(part) for part in topic_filter.split("+")))


def set_config(prefix: str) -> str:
    """Return the topic for requests to change a lamp's colour or brightness, or to switch it."""
    return f"{prefix}lamp/set_config"


def changed(prefix: str) -> str:
    """Return the topic on which a lamp publishes its current state."""
    return f"{prefix}lamp/changed"


def connection(prefix: str, client_name: str) -> str:
    """Return the topic on which a client on a lamp publishes `1`, and its will `0`."""
    return f"{prefix}lamp/connection/{client_name}/state"
