"""Builds and parses every topic on the wire."""

import re
from collections.abc import Sequence
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
RESET = Delivery(qos=0, retain=False)
"""Neither broker queues it while the other is away: a request must not arrive when the lamp has another owner."""
CONNECTION = Delivery(qos=2, retain=True)
MARK_DELIVERY = Delivery(qos=2, retain=True)
PROBE_DELIVERY = Delivery(qos=1, retain=False)
STATE_DELIVERY = Delivery(qos=1, retain=True)

PRESENCE_FILTER = "$SYS/broker/connection/+/state"
"""Matches the state of every bridge that connects to the broker, including bridges that are not lamps."""

STRIPPED_PRESENCE_FILTER = "devices/+/lamp/connection/bridge/state"
"""Matches the state of the bridges that strip the topic prefix: `lampi-cloud provision --stock`."""

CLIENT_PRESENCE_FILTER = re.compile(r"devices/\+/lamp/connection/[^/+#\x00]+/state")
"""Filters for the presence of a client on each lamp, for brokers without `$SYS`."""

LONGEST_BRIDGE_SUFFIX, MOST_BRIDGE_SUFFIXES = 32, 8
_SUFFIX = re.compile(rf"[0-9A-Za-z_.-]{{1,{LONGEST_BRIDGE_SUFFIX}}}")
_PROVISIONED_LENGTH = len("$SYS/broker/connection/123456789abc/state")
_ASSOCIATED = re.compile(r"devices/([0-9a-f]{12})/lamp/associated")
_RESET = re.compile(r"devices/([0-9a-f]{12})/lamp/reset")
_SUBTREE = re.compile(r"devices/([0-9a-f]{12})/")


def lamp_prefix(device_id: str) -> str:
    """Return the prefix of a lamp's topics in the cloud.

    It is the same on the lamp, unless its bridge strips it.
    """
    return f"devices/{device_id}/"


class BridgeNames:
    """How lamps' bridges are named: the device id, alone or followed by one of ``suffixes``, in any case."""

    def __init__(self, suffixes: Sequence[str] = ("_broker",)) -> None:
        self.suffixes = tuple(suffixes)
        ends = "|".join(map(re.escape, ("", *suffixes)))
        self.most = re.compile(rf"\$SYS/broker/connection/([0-9a-f]{{12}})({ends})/state".encode())
        """Matches the topics of most bridges, as bytes, since a burst has a million: device id and suffix."""
        self.presence = re.compile(
            rf"\$SYS/broker/connection/([0-9a-f]{{12}})(?:{ends})/state"
            r"|devices/([0-9a-f]{12})/lamp/connection/([^/]+)/state",
            re.IGNORECASE | re.ASCII,
        )


COURSE_BRIDGES = BridgeNames()
"""As the LAMPI course and `lampi-cloud provision` name them."""


def presence(device_id: str, suffix: str = "_broker") -> str:
    """Return the topic on which a stock LAMPI's bridge publishes `1` (up) or `0` (down)."""
    return f"$SYS/broker/connection/{device_id}{suffix}/state"


def provisioned_presence(device_id: str) -> str:
    """Return the same topic for a provisioned lamp, whose bridge is named after the device id alone.

    Mosquitto 2.1's access rules compare a client's name only with whole topic levels, so they can't allow each lamp its
    own `_broker`.
    """
    return presence(device_id, "")


def is_provisioned_presence(topic: str, device_id: str) -> bool:
    """Return whether the presence topic of this lamp is exactly a provisioned lamp's; any other may be a stock lamp's.

    Only for a topic from which `parse_presence` has read the device id: a burst has a million, and each other spelling
    is longer.
    """
    return len(topic) == _PROVISIONED_LENGTH and device_id in topic


def stripped_presence(device_id: str) -> str:
    """Return the same topic for a bridge that strips the prefix: both brokers have it under this name."""
    return connection(lamp_prefix(device_id), "bridge")


def presence_topics(device_id: str, names: BridgeNames = COURSE_BRIDGES) -> tuple[str, ...]:
    """Return the possible presence topics of a lamp's bridge: bridges are named by hand, often in upper case.

    They have no wildcard, which would match all lamps if the broker is the cloud's.
    """
    spellings = (device_id, device_id.upper())
    named = [presence(spelled, suffix) for suffix in ("", *names.suffixes) for spelled in spellings]
    return tuple(dict.fromkeys([*named, stripped_presence(device_id)]))


def parse_presence(topic: str, names: BridgeNames = COURSE_BRIDGES) -> str | None:
    """Return the device id in a presence topic, or None for another bridge.

    Case does not matter: bridges are named by hand, and a MAC is often written in upper case.
    """
    match = names.presence.fullmatch(topic)
    return (match[1] or match[2]).lower() if match else None


def parse_bridge(topic: str, names: BridgeNames = COURSE_BRIDGES) -> str | None:
    """Return the device id in the topic of a lamp's bridge state, or None."""
    match = names.presence.fullmatch(topic)
    return (match[1] or match[2]).lower() if match and match[3] in {None, "bridge"} else None


def parse_bridge_suffixes(text: str) -> BridgeNames:
    """Parse a comma-separated list of what bridges' names have after the device id; empty for nothing.

    Raises:
        ValueError: one of them can't be part of a topic's level, or there are too many.
    """
    suffixes = tuple(dict.fromkeys(part.strip() for part in text.split(","))) if text.strip() else ()
    for suffix in suffixes:
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(
                f"{quoted(suffix)} is not 1 to {LONGEST_BRIDGE_SUFFIX} letters, digits, underscores, hyphens or dots, "
                "such as _broker"
            )
    if len(suffixes) > MOST_BRIDGE_SUFFIXES:
        raise ValueError(f"more than {MOST_BRIDGE_SUFFIXES} suffixes")
    return BridgeNames(suffixes)


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


RESET_FILTER = "devices/+/lamp/reset"


def reset(prefix: str) -> str:
    """Return the topic on which a lamp asks the cloud to release it."""
    return f"{prefix}lamp/reset"


def parse_reset(topic: str) -> str | None:
    """Return the device id of the lamp that asks on a cloud-side `reset` topic, or None."""
    match = _RESET.fullmatch(topic)
    return match[1] if match else None


def subtree(device_id: str) -> str:
    """Return the filter that matches all of a lamp's own topics in the cloud."""
    return f"{lamp_prefix(device_id)}#"


def parse_subtree(topic: str) -> str | None:
    """Return the device id of the lamp below whose prefix a topic is, or None."""
    match = _SUBTREE.match(topic)
    return match[1] if match else None


EVERY_TOPIC = ("#", "$SYS/#")
"""Filters that together match every topic on which a client may publish; `#` alone leaves out `$SYS`."""

ASSOCIATED_FILTER = "devices/+/lamp/associated"
"""Matches the `associated` topic of every lamp."""

LAMPS_FILTER = "devices/#"
"""Matches every topic of every lamp but the state of its bridge."""

HIGH_WATER_MARK = "lampi/cloud/high_water_mark"
"""The topic of the daemon's retained mark: the version up to which the broker has every publication."""

PROBE = "lampi/cloud/probe"
"""The topic on which the daemon receives its own message, after all retained messages have arrived."""

STATE = "lampi/cloud/state"
"""The topic on which the active daemon announces that it is online; its will announces the opposite."""

DROPPED = "$SYS/broker/publish/messages/dropped"
"""Mosquitto's count of messages that it dropped because a client's queue was full."""


def filter_pattern(topic_filter: str) -> re.Pattern[str]:
    """Return what matches the topics that a filter does; none of ours begins with a wildcard.

    Raises:
        ValueError: it begins with one, or has `#` elsewhere than at its end.
    """
    levels, rest = (topic_filter[:-2], "(?:/.*)?") if topic_filter.endswith("/#") else (topic_filter, "")
    if topic_filter.startswith("+") or "#" in levels:
        raise ValueError(f"{quoted(topic_filter)} has a wildcard that we do not use")
    return re.compile("[^/]*".join(re.escape(part) for part in levels.split("+")) + rest, re.DOTALL)


def set_config(prefix: str) -> str:
    """Return the topic for requests to change a lamp's colour or brightness, or to switch it."""
    return f"{prefix}lamp/set_config"


def changed(prefix: str) -> str:
    """Return the topic on which a lamp publishes its current state."""
    return f"{prefix}lamp/changed"


def connection(prefix: str, client_name: str) -> str:
    """Return the topic on which a client on a lamp publishes `1`, and its will `0`."""
    return f"{prefix}lamp/connection/{client_name}/state"
