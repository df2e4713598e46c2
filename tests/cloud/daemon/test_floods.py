"""Floods: recognized whatever the number of other topics, named once, and never the last word lost."""

import logging

import pytest

from cloud.daemon.floods import (
    INTERVAL_SECONDS,
    LARGE_READ,
    MOST_FLOODS,
    MOST_MESSAGES,
    MOST_TOPICS,
    SAMPLE,
    Floods,
)
from cloud.daemon.metrics import Metrics
from cloud.mqtt.reading import Message

TOPIC = b"$SYS/broker/connection/b827ebba0387_broker/state"
UP, DOWN = Message(TOPIC, b"1", False, None), Message(TOPIC, b"0", False, None)
FLOOD = UP._replace(times=MOST_MESSAGES + 1)


def other(number: int, times: int = 1) -> Message:
    return Message(b"$SYS/broker/connection/b8%010x/state" % number, b"1", False, None, times)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def floods(metrics: Metrics) -> Floods:
    return Floods(metrics.flooding, metrics.flood_messages)


def test_a_lamp_on_a_bad_network_never_floods(floods: Floods) -> None:
    for number in range(MOST_MESSAGES):
        message = (UP, DOWN)[number % 2]
        assert floods.admit([message], number / MOST_MESSAGES) == [message]
    assert floods.admit([UP], INTERVAL_SECONDS) == [UP]


def test_of_a_flood_the_latest_message_is_processed_once_an_interval(floods: Floods) -> None:
    assert floods.admit([FLOOD], 0.0) == [FLOOD]
    for number in range(1000):
        assert floods.admit([UP, DOWN, other(number)], number / 1000) == [other(number)]
    assert floods.admit([], INTERVAL_SECONDS - 0.1) == []
    assert floods.admit([], INTERVAL_SECONDS) == [DOWN]


def test_what_the_broker_retains_replaces_what_is_held(floods: Floods) -> None:
    """It is sent again after the broker dropped messages, which can have been this topic's last ones."""
    floods.admit([FLOOD], 0.0)
    assert floods.admit([UP], 0.0) == []
    retained = DOWN._replace(retained=True)
    assert floods.admit([retained], 1.0) == [retained]
    assert floods.admit([], INTERVAL_SECONDS) == []


def test_when_a_flood_calms_down_its_last_message_is_processed_and_then_each(floods: Floods) -> None:
    assert floods.admit([FLOOD, DOWN], 0.0) == [FLOOD, DOWN]  # it is recognized at the end of a read
    assert floods.admit([DOWN, UP], 0.0) == []
    assert floods.admit([], INTERVAL_SECONDS) == [UP]
    assert floods.admit([DOWN], INTERVAL_SECONDS) == [DOWN]


def test_a_flood_that_goes_on_is_named_once_with_the_command_that_shuts_the_lamp_out(
    floods: Floods, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for second in range(60):
        floods.admit([FLOOD], float(second))
    (said,) = caplog.messages
    assert "b827ebba0387" in said
    assert "lampi-cloud deprovision b827ebba0387" in said
    assert metrics.registry.get_sample_value("lampi_flooding_lamps") == 1
    assert metrics.registry.get_sample_value("lampi_flood_messages_total") == 59 * FLOOD.times
    floods.admit([], 60.0 + INTERVAL_SECONDS)
    floods.admit([], 60.0 + 2 * INTERVAL_SECONDS)
    assert "has ended" in caplog.messages[-1]
    assert metrics.registry.get_sample_value("lampi_flooding_lamps") == 0


def test_a_flood_on_a_topic_of_no_lamp_is_named_by_its_topic(floods: Floods, caplog: pytest.LogCaptureFixture) -> None:
    floods.admit([FLOOD._replace(topic=b"$SYS/broker/connection/\xffoffice/state")], 0.0)
    (said,) = caplog.messages
    assert "office" in said
    assert "deprovision" not in said


def test_a_flood_is_recognized_among_many_more_lamps(floods: Floods, metrics: Metrics) -> None:
    for first in range(0, 10 * MOST_TOPICS, 100):
        floods.admit([*(other(number) for number in range(first, first + 100)), UP._replace(times=2)], 0.0)
    assert metrics.registry.get_sample_value("lampi_flooding_lamps") == 1


def test_a_flood_is_recognized_within_a_burst_that_is_only_sampled(floods: Floods, metrics: Metrics) -> None:
    """Its payloads are all different, so that no read has one of them twice."""
    for read in range(10):
        flood = [UP._replace(payload=b"%d" % (100 * read + number)) for number in range(100)]
        burst = [other(1000 * read + number) for number in range(4 * LARGE_READ)]
        floods.admit([message for five in zip(flood, *[iter(burst)] * 8, strict=False) for message in five], 0.0)
    assert metrics.registry.get_sample_value("lampi_flooding_lamps") == 1


def test_lamps_that_reconnect_together_are_no_flood(floods: Floods, metrics: Metrics) -> None:
    burst = [Message(other(number).topic, state, False, None) for number in range(LARGE_READ) for state in (b"0", b"1")]
    for _ in range(MOST_MESSAGES // 2 - SAMPLE):
        floods.admit(burst, 0.0)
    assert metrics.registry.get_sample_value("lampi_flooding_lamps") == 0


def test_what_is_kept_for_floods_is_bounded(floods: Floods, metrics: Metrics) -> None:
    many = [other(number, MOST_MESSAGES + 1) for number in range(MOST_FLOODS + 10)]
    for first in range(0, len(many), LARGE_READ):
        floods.admit(many[first : first + LARGE_READ], 0.0)
    assert floods.admit(many, 0.0) == many[MOST_FLOODS:]
    assert metrics.registry.get_sample_value("lampi_flooding_lamps") == MOST_FLOODS


def test_retained_messages_and_the_daemon_s_own_are_never_held(floods: Floods) -> None:
    floods.admit([FLOOD], 0.0)
    retained, own = UP._replace(retained=True), UP._replace(identifier=7)
    assert floods.admit([retained, own], 0.0) == [retained, own]


def test_a_held_message_ends_with_its_connection(floods: Floods) -> None:
    floods.admit([FLOOD], 0.0)
    assert floods.admit([DOWN], 0.0) == []
    floods.connection_lost()
    assert floods.admit([], INTERVAL_SECONDS) == []
