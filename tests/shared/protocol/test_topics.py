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


@given(DEVICE_IDS)
def test_a_lamps_own_presence_is_looked_for_in_both_cases_and_once_each(device_id: str) -> None:
    found = topics.presence_topics(device_id)
    assert len(found) == len({device_id, device_id.upper()}) * 2
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
