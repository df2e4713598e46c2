"""A lamp's own credentials against everything that is not its own: nothing is written, nothing is heard.

Mosquitto confirms a publication that its rules deny, and takes any subscription: so what counts is what arrives. Each
test ends with the same thing done by one who may, which must arrive.
"""

import uuid
from collections.abc import Iterator

import pytest
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.security.conftest import ATTACKER, VICTIM, Fortress
from tests.support.attempts import Attempts
from tests.support.callers import V3, V5, Caller

OWN = f"devices/{ATTACKER}/lamp"
OTHER = f"devices/{VICTIM}/lamp"
OWN_ASSOCIATED = f"{OWN}/associated"
OWN_CHANGED = f"{OWN}/changed"
NOT_TO_BE_WRITTEN = [
    f"{OTHER}/associated",
    f"{OTHER}/set_config",
    f"{OTHER}/changed",
    f"{OTHER}/connection/lamp_ui/state",
    f"{OTHER}/reset",
    f"{OTHER}/anything",
    f"devices/{VICTIM}",
    f"devices/{VICTIM.upper()}/lamp/changed",
    f"$SYS/broker/connection/{VICTIM}_broker/state",
    f"$SYS/broker/connection/{VICTIM.upper()}_broker/state",
    f"$SYS/broker/connection/{VICTIM}/state",
    f"$SYS/broker/connection/{ATTACKER.upper()}_broker/state",
    "$SYS/broker/publish/messages/dropped",
    "$SYS/broker/anything",
    "$CONTROL/dynamic-security/v1",
    "$CONTROL/anything",
    "$share/everyone/anything",
    "lampi/cloud/high_water_mark",
    "lampi/cloud/probe",
    "anything",
    "/",
    f"{OWN}/associated",
    f"{OWN}/set_config",
    f"{OWN}/anything",
    f"{OWN}/connection/state",
    f"devices/{ATTACKER}/lamp",
]
NOBODY_WRITES = ("$share/", "$CONTROL/", "$SYS/broker/publish", "$SYS/broker/anything")
"""Where Mosquitto itself lets no client publish, whatever the rules say."""

NOT_TO_BE_READ = [
    topic for topic in NOT_TO_BE_WRITTEN if not topic.startswith((OWN + "/a", OWN + "/s", *NOBODY_WRITES))
]
NOT_TO_BE_READ += [f"{OWN}/changed", f"{OWN}/reset", f"$SYS/broker/connection/{ATTACKER}_broker/state"]
WILDCARDS = [
    "#",
    "+/#",
    "/#",
    "devices/#",
    "devices/+/#",
    "devices/+/lamp/associated",
    "devices/+/lamp/set_config",
    "+/+/+/+",
    f"devices/{VICTIM}/#",
    "$SYS/#",
    "$SYS/broker/connection/+/state",
    "$SYS/+/connection/#",
    "$CONTROL/#",
    "lampi/#",
    "$share/thieves/#",
    "$share/thieves/devices/#",
    f"$share/thieves/{OTHER}/associated",
    "$share/thieves/$SYS/#",
]


@pytest.fixture
def watcher(fortress: Fortress) -> Iterator[Caller]:
    """Give one who hears everything from now on."""
    with fortress.watcher() as caller:
        for topic_filter in ("#", "$SYS/broker/connection/#", "$SYS/broker/anything", "$CONTROL/#", "$SYS/broker/p/#"):
            assert caller.subscribe(topic_filter)
        assert caller.subscribe("$SYS/broker/publish/messages/dropped")
        yield caller


def _payload() -> bytes:
    return uuid.uuid4().hex.encode()


def _assert_only_the_watcher_can(watcher: Caller, topic: str, stolen: bytes, marker: bytes) -> None:
    """See that a marker arrived after the stolen payload should have; and that who may write there, can."""
    heard = watcher.heard_until(lambda message: message.payload == marker)
    assert stolen not in [message.payload for message in heard]
    if topic.startswith(NOBODY_WRITES):
        return
    probe = _payload()
    watcher.publish(topic, probe, retain=True)
    watcher.heard_until(lambda message: (message.topic, message.payload) == (topic, probe))
    watcher.publish(topic, b"", retain=True)


@pytest.mark.parametrize("protocol", [V3, V5], ids=["3.1.1", "5"])
@pytest.mark.parametrize("topic", NOT_TO_BE_WRITTEN)
def test_it_can_not_write(
    fortress: Fortress, watcher: Caller, attempt: Attempts, topic: str, protocol: MQTTProtocolVersion
) -> None:
    stolen, marker = _payload(), _payload()
    with fortress.lamp(ATTACKER, protocol=protocol) as lamp:
        for qos in (0, 1, 2):
            for retain in (False, True):
                lamp.publish(topic, stolen, qos, retain)
        lamp.wait_until_all_is_said()
        lamp.publish(OWN_CHANGED, marker)  # a lamp that says too much goes on saying what it may
        _assert_only_the_watcher_can(watcher, topic, stolen, marker)
    attempt.refused("a lamp publishes, each QoS, also retained", topic)


@pytest.mark.parametrize("topic", NOT_TO_BE_WRITTEN)
def test_it_can_not_leave_a_will(fortress: Fortress, watcher: Caller, attempt: Attempts, topic: str) -> None:
    stolen, marker = _payload(), _payload()
    dying = fortress.lamp(ATTACKER, will=(topic, stolen))
    if dying.connected:
        dying.vanish()
    else:
        dying.close()
    own = fortress.lamp(ATTACKER, will=(OWN_CHANGED, marker))  # what it may leave, comes after it
    own.vanish()
    _assert_only_the_watcher_can(watcher, topic, stolen, marker)
    attempt.refused("a lamp's will", topic)


def test_a_topic_alias_hides_nothing(fortress: Fortress, watcher: Caller, attempt: Attempts) -> None:
    """MQTT 5 lets a client publish by a number; the number of a topic that it may write, given to another."""
    stolen, marker = _payload(), _payload()
    alias = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    alias.TopicAlias = 1
    with fortress.lamp(ATTACKER, protocol=V5) as lamp:
        lamp.publish(OWN_CHANGED, b"first", 0, properties=alias)
        lamp.publish(f"{OTHER}/associated", b"other", 0, properties=alias)
        lamp.publish("", stolen, 0, properties=alias)
        lamp.publish(OWN_CHANGED, marker)
        _assert_only_the_watcher_can(watcher, f"{OTHER}/associated", stolen, marker)
    attempt.refused("a lamp publishes by a topic alias of MQTT 5", f"{OTHER}/associated")


@pytest.mark.parametrize("topic_filter", [*NOT_TO_BE_READ, *WILDCARDS])
def test_it_can_not_read(fortress: Fortress, attempt: Attempts, topic_filter: str) -> None:
    topics = [topic_filter] if topic_filter in NOT_TO_BE_READ else NOT_TO_BE_READ
    retained, live, marker = _payload(), _payload(), _payload()
    watched = topic_filter.removeprefix("$share/thieves/")
    with fortress.watcher() as owner, fortress.watcher() as control, fortress.lamp(ATTACKER) as lamp:
        for topic in topics:
            owner.publish(topic, retained, 2, retain=True)
        for caller, its_filter in ((lamp, topic_filter), (control, watched)):
            assert caller.subscribe(OWN_ASSOCIATED, 2)  # at the same QoS, and so in order
            assert caller.subscribe(its_filter, 2)
        for topic in topics:
            owner.publish(topic, live, 2)
        owner.publish(OWN_ASSOCIATED, marker, 2)
        assert lamp.heard_until(lambda message: message.payload == marker) == []
        could = control.heard_until(lambda message: message.payload == marker)
        if not topic_filter.startswith("$CONTROL"):
            assert {live, retained} <= {message.payload for message in could}
        for topic in topics:
            owner.publish(topic, b"", 2, retain=True)
    attempt.refused("a lamp subscribes", topic_filter)


def test_it_can_not_have_the_broker_retain_much(fortress: Fortress, watcher: Caller, attempt: Attempts) -> None:
    marker = _payload()
    with fortress.lamp(ATTACKER) as lamp:
        lamp.publish(OWN_CHANGED, b"x" * 16_385, retain=True)
        lamp.publish(OWN_CHANGED, marker)
        heard = watcher.heard_until(lambda message: message.payload == marker)
        assert [message.topic for message in heard if message.payload.startswith(b"x" * 100)] == []
    attempt.refused("a lamp publishes 16,385 bytes", OWN_CHANGED)
