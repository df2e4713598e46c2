"""The link to a broker that misbehaves: silent, forgetful, not a broker at all."""

import logging
import queue
import threading
import time

import pytest

from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Publication, Subscription
from tests.shared.mqtt.links import running, warnings
from tests.shared.mqtt.raw_broker import DISCONNECT, PUBLISH, SUBSCRIBE, RawBroker
from tests.shared.mqtt.test_client import DOWN
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until

LONGEST_STOP_SECONDS = 5.0


def seconds_to_stop(link: MqttClient) -> float:
    began = time.monotonic()
    link.stop()
    return time.monotonic() - began


def test_a_topic_that_is_not_utf8_is_logged_once_and_the_next_message_received(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    with (
        RawBroker() as broker,
        running(MqttClient(broker.url, "test", subscriptions=[Subscription("a/+", 0, heard.put)])),
    ):
        session = broker.accept()
        session.welcome()
        session.expect(SUBSCRIBE)
        for topic in (b"a/\xff", b"a/\xfe", b"unasked", b"a/b"):
            session.publish(topic, b"x")
        assert heard.get(timeout=DEADLINE_SECONDS) == Message("a/b", b"x", retained=False)
        assert len(warnings(caplog)) == 1
        assert "not UTF-8" in caplog.text


def test_stops_in_time_while_a_host_leaves_its_attempt_unanswered(caplog: pytest.LogCaptureFixture) -> None:
    with RawBroker(backlog=0) as broker:
        broker.fill_backlog()
        link = MqttClient(broker.url, "unanswered", will=DOWN)
        link.start()
        assert seconds_to_stop(link) < LONGEST_STOP_SECONDS
    wait_until(lambda: not any("unanswered" in each.name for each in threading.enumerate()), "the attempt's end")
    assert warnings(caplog) == []  # it does not say that it tries again


def test_stops_in_time_while_a_host_accepts_and_says_nothing() -> None:
    with RawBroker() as broker:
        link = MqttClient(broker.url, "test", will=DOWN)
        link.start()
        broker.accept()
        assert seconds_to_stop(link) < LONGEST_STOP_SECONDS


def test_stops_in_time_when_a_broker_falls_silent() -> None:
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    with RawBroker() as broker:
        link = MqttClient(broker.url, "test", will=DOWN, on_connection=connected.put)
        link.start()
        session = broker.accept()
        session.welcome()
        assert connected.get(timeout=DEADLINE_SECONDS)
        assert seconds_to_stop(link) < LONGEST_STOP_SECONDS
        assert session.expect(PUBLISH).endswith(b"0")
        session.expect(DISCONNECT)


def test_stops_in_time_when_it_was_never_started() -> None:
    assert seconds_to_stop(MqttClient(BrokerUrl("127.0.0.1", free_port()), "test", will=DOWN)) < LONGEST_STOP_SECONDS


@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_published_before_an_outage_is_not_sent_again(qos: int) -> None:
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    confirmed: queue.SimpleQueue[int] = queue.SimpleQueue()
    with RawBroker() as broker:
        link = MqttClient(broker.url, "test", on_connection=connected.put, on_confirmed=confirmed.put)
        with running(link):
            session = broker.accept()
            session.welcome()
            assert connected.get(timeout=DEADLINE_SECONDS)
            assert link.publish(Publication("a", b"old", qos, retain=True)) is not None
            assert session.expect(PUBLISH).endswith(b"old")
            session.drop()
            assert not connected.get(timeout=DEADLINE_SECONDS)
            assert link.publish(Publication("a", b"lost", qos, retain=True)) is None
            session = broker.accept()
            session.welcome()
            assert connected.get(timeout=DEADLINE_SECONDS)
            assert link.publish(Publication("a", b"new", qos, retain=True)) is not None
            assert session.expect(PUBLISH).endswith(b"new")
    assert confirmed.empty()


def test_an_outage_is_logged_once_however_often_it_retries(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    with RawBroker() as broker, running(MqttClient(broker.url, "test", on_connection=connected.put)):
        broker.accept().drop()
        session = broker.accept()
        session.welcome()
        assert connected.get(timeout=DEADLINE_SECONDS)
        session.drop()
        assert not connected.get(timeout=DEADLINE_SECONDS)
        broker.accept().drop()
        broker.accept().welcome()
        assert connected.get(timeout=DEADLINE_SECONDS)
        assert caplog.messages == [
            f"The broker at {broker.url} does not speak MQTT; retrying",
            f"Connected to the broker at {broker.url}",
            f"The broker at {broker.url} closed the connection; retrying",
            f"Connected to the broker at {broker.url}",
        ]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"\x20\x00", b"\x00" * 9]
)
def test_what_is_no_broker_is_survived(answer: bytes) -> None:
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    with RawBroker() as broker, running(MqttClient(broker.url, "test", on_connection=connected.put)):
        session = broker.accept()
        session.send(answer)
        session.drop()
        broker.accept().welcome()
        assert connected.get(timeout=DEADLINE_SECONDS)


def test_what_paho_does_not_expect_does_not_end_its_thread(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # Python's resolver raises UnicodeError, which is no OSError, on a label of more than 63 characters.
    link = MqttClient(BrokerUrl("a" * 70 + ".invalid", 1883), "unexpected")
    with running(link):
        wait_until(lambda: caplog.messages.count("paho raised") >= 2, "a second attempt")
        assert any("unexpected" in thread.name for thread in threading.enumerate())
    assert len(warnings(caplog)) == 1
    assert "failed (Unicode" in warnings(caplog)[0]  # Error, since Python 3.13 EncodeError


def test_a_fault_of_pahos_while_connected_ends_that_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    clock_is_broken = threading.Event()

    def now() -> float:
        if clock_is_broken.is_set():
            clock_is_broken.clear()
            raise ZeroDivisionError
        return 0.0

    with RawBroker() as broker, running(MqttClient(broker.url, "test", on_connection=connected.put, now=now)):
        broker.accept().welcome()
        assert connected.get(timeout=DEADLINE_SECONDS)
        clock_is_broken.set()  # raises in paho's loop, outside of any callback
        assert connected.get(timeout=DEADLINE_SECONDS) is False
        broker.accept().welcome()
        assert connected.get(timeout=DEADLINE_SECONDS)
    assert "failed (ZeroDivisionError" in caplog.text
