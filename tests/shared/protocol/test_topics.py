"""Topics: each is built and parsed as shared/README.md spells it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.protocol import topics
from shared.protocol.errors import BadTopic

LAMP = "b827ebba0387"
DEVICE_IDS = st.text("0123456789abcdef", min_size=12, max_size=12)


@pytest.mark.parametrize(
    ("built", "spelled"),
    [
        (topics.presence(LAMP), "$SYS/broker/connection/b827ebba0387_broker/state"),
        (topics.lamp_prefix(LAMP), "devices/b827ebba0387/"),
        (topics.associated(topics.lamp_prefix(LAMP)), "devices/b827ebba0387/lamp/associated"),
        (topics.set_config(topics.lamp_prefix(LAMP)), "devices/b827ebba0387/lamp/set_config"),
        (topics.changed(topics.lamp_prefix(LAMP)), "devices/b827ebba0387/lamp/changed"),
        (topics.connection(topics.lamp_prefix(LAMP), "ui"), "devices/b827ebba0387/lamp/connection/ui/state"),
        (topics.associated(""), "lamp/associated"),
        (topics.set_config(""), "lamp/set_config"),
        (topics.changed(""), "lamp/changed"),
        (topics.connection("", "ui"), "lamp/connection/ui/state"),
    ],
)
def test_topics_are_spelled_as_lampi_spells_them(built: str, spelled: str) -> None:
    assert built == spelled


@given(DEVICE_IDS)
def test_what_is_built_is_parsed(device_id: str) -> None:
    assert topics.parse_presence(topics.presence(device_id)) == device_id
    assert topics.parse_associated(topics.associated(topics.lamp_prefix(device_id))) == device_id


@pytest.mark.parametrize(
    "topic",
    [
        topics.presence(LAMP),
        topics.presence(LAMP.upper()),
        topics.provisioned_presence(LAMP.upper()),
        topics.provisioned_presence("B827ebba0387"),
        topics.connection(topics.lamp_prefix(LAMP), "bridge"),
        topics.connection(topics.lamp_prefix(LAMP), "x"),
        topics.connection(topics.lamp_prefix(LAMP.upper()), LAMP),
    ],
)
def test_only_the_id_alone_in_lower_case_is_a_provisioned_lamp(topic: str) -> None:
    assert topics.parse_presence(topic) == LAMP
    assert not topics.is_provisioned_presence(topic, LAMP)
    assert topics.is_provisioned_presence(topics.provisioned_presence(LAMP), LAMP)


@given(DEVICE_IDS)
def test_a_lamps_own_presence_is_looked_for_in_both_cases_and_once_each(device_id: str) -> None:
    found = topics.presence_topics(device_id)
    assert len(found) == len({device_id, device_id.upper()}) * 2 + 1
    assert {topics.parse_presence(topic) for topic in found} == {device_id}


def test_presence_is_read_without_regard_to_case() -> None:
    assert topics.parse_presence("$SYS/broker/connection/B827EBba0387_Broker/state") == LAMP


@pytest.mark.parametrize(
    "bridge",
    [
        "b827ebba038",
        "b827ebba038_broker",
        "b827ebba03877_broker",
        "b827ebba038g_broker",
        "b8:27:eb:ba:03:87_broker",
        "x_b827ebba0387_broker",
        "b827ebba0387_broker2",
        "b827ebba0387_bro\u212aer",  # the Kelvin sign: a "k" to a search that ignores case
        "b827ebba0387_broker\n",
        "_broker",
        "",
    ],
)
def test_other_bridges_are_no_lamps(bridge: str) -> None:
    assert topics.parse_presence(f"$SYS/broker/connection/{bridge}/state") is None


def test_a_provisioned_lamp_s_bridge_bears_its_device_id_alone() -> None:
    assert topics.parse_presence(topics.provisioned_presence(LAMP)) == LAMP
    assert topics.parse_presence(topics.provisioned_presence(LAMP.upper())) == LAMP


def test_a_bridge_that_strips_the_prefix_has_a_topic_of_its_own() -> None:
    topic = topics.stripped_presence(LAMP)
    assert topic == "devices/b827ebba0387/lamp/connection/bridge/state"
    assert topics.parse_presence(topic) == topics.parse_bridge(topic) == LAMP
    assert topics.filter_pattern(topics.STRIPPED_PRESENCE_FILTER).fullmatch(topic)
    assert topics.parse_bridge("devices/b827ebba0387/lamp/connection/lamp_ui/state") is None


def test_bridges_may_have_other_suffixes() -> None:
    names = topics.parse_bridge_suffixes(" _lampi_broker, .x ,_lampi_broker")
    assert names.suffixes == ("_lampi_broker", ".x")
    for suffix in ("", "_lampi_broker", "_LAMPI_Broker", ".x"):
        topic = f"$SYS/broker/connection/{LAMP}{suffix}/state"
        assert topics.parse_presence(topic, names) == topics.parse_bridge(topic, names) == LAMP
    for suffix in ("_broker", "ax", "_lampi_broker.x"):
        assert topics.parse_presence(f"$SYS/broker/connection/{LAMP}{suffix}/state", names) is None
    assert len(topics.presence_topics(LAMP, names)) == 7
    assert topics.parse_bridge_suffixes("").suffixes == ()
    assert topics.parse_presence(topics.presence(LAMP), topics.parse_bridge_suffixes("")) is None


@pytest.mark.parametrize("text", ["_broker,", ",", "a/b", "+", "#", "a b", "\u00e9", "x" * 33, ",".join("abcdefghi")])
def test_what_is_no_suffix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"suffixes|letters"):
        topics.parse_bridge_suffixes(text)


def test_presence_must_be_the_whole_topic() -> None:
    assert topics.parse_presence(topics.presence(LAMP) + "/more") is None
    assert topics.parse_presence(topics.presence(LAMP) + "\n") is None
    assert topics.parse_presence("x" + topics.presence(LAMP)) is None


@pytest.mark.parametrize(
    "topic",
    [
        "lamp/associated",
        "devices//lamp/associated",
        "devices/B827EBBA0387/lamp/associated",
        "devices/b827ebba0387/lamp/associated/",
        "devices/b827ebba0387/lamp/changed",
        "devices/b827ebba0387/lamp/associated\n",
        "x/devices/b827ebba0387/lamp/associated",
    ],
)
def test_other_topics_are_no_associations(topic: str) -> None:
    with pytest.raises(BadTopic):
        topics.parse_associated(topic)


@given(st.text())
def test_no_topic_breaks_a_parser(topic: str) -> None:
    topics.parse_presence(topic)
    with contextlib.suppress(BadTopic):
        topics.parse_associated(topic)
