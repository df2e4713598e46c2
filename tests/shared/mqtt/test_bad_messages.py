"""Bad messages from the broker: logged, counted, and never the end of reception."""

import logging
import queue

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Subscription
from shared.protocol.errors import BadPayload
from tests.shared.mqtt.links import READY, listening, running, warned, warnings
from tests.support.broker import Mosquitto
from tests.support.waiting import DEADLINE_SECONDS, wait_until


def test_bad_messages_are_each_logged_once_and_the_next_good_one_is_received(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def receive(message: Message) -> None:
        if message.payload.startswith(b"bad"):
            raise BadPayload("not JSON")
        if message.payload.startswith(b"worse"):
            raise BadPayload("not UTF-8")
        heard.put(message)

    with listening(broker, Subscription("lamp/+", 1, receive)):
        for topic, payload in (
            ("a", b"bad hunter2"),
            ("a", b"worse hunter2"),
            ("b\u202e", b"bad hunter2"),
            ("a", b"ok"),
        ):
            broker.publish(f"lamp/{topic}", payload)
        assert heard.get(timeout=DEADLINE_SECONDS).payload == b"ok"
        assert warnings(caplog) == [
            "Ignored a message on 'lamp/a': not JSON",
            "Ignored a message on 'lamp/a': not UTF-8",
            r"Ignored a message on 'lamp/b\u202e': not JSON",
        ]
    assert "hunter2" not in caplog.text


def test_a_receiver_that_raises_is_logged_and_gets_the_next_message(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def receive(message: Message) -> None:
        if message.payload == b"fault":
            raise ZeroDivisionError
        heard.put(message)

    with listening(broker, Subscription("a", 1, receive)):
        broker.publish("a", b"fault")
        broker.publish("a", b"good")
        assert heard.get(timeout=DEADLINE_SECONDS).payload == b"good"
    (record,) = warned(caplog)
    assert record.levelno == logging.ERROR
    assert "ZeroDivisionError" in record.getMessage()
    assert record.exc_info is not None


def test_a_listener_to_connections_that_raises_does_not_deafen(broker: Mosquitto) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def fail(up: bool) -> None:
        raise ZeroDivisionError

    broker.publish("a", b"kept", retain=True)
    with running(MqttClient(broker.url, "test", subscriptions=[Subscription("a", 1, heard.put)], on_connection=fail)):
        assert heard.get(timeout=DEADLINE_SECONDS).payload == b"kept"


def test_a_flood_of_bad_messages_is_two_lines_in_the_log(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    clock = [1000.0]
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    ready: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def receive(message: Message) -> None:
        if message.payload == b"bad":
            raise BadPayload("not JSON")
        heard.put(message)

    broker.publish(READY, b"ready", retain=True)
    link = MqttClient(
        broker.url,
        "test",
        subscriptions=[Subscription("a", 1, receive), Subscription(READY, 1, ready.put)],
        now=lambda: clock[0],
    )
    with running(link):
        ready.get(timeout=DEADLINE_SECONDS)
        flood = paho.Client(CallbackAPIVersion.VERSION2)
        flood.connect("127.0.0.1", broker.port)
        flood.loop_start()
        for _ in range(999):
            flood.publish("a", b"bad", qos=1)
        flood.publish("a", b"good", qos=1).wait_for_publish(DEADLINE_SECONDS)
        flood.disconnect()
        flood.loop_stop()
        heard.get(timeout=DEADLINE_SECONDS)
        clock[0] += 60
        wait_until(lambda: len(warnings(caplog)) > 1, "the sum, without another message")
    assert warnings(caplog) == [
        "Ignored a message on 'a': not JSON",
        "Ignored a message on 'a': not JSON ... and 998 more like it in the last 60 s",
    ]


def test_the_counts_are_logged_at_the_end(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def receive(message: Message) -> None:
        heard.put(message)
        raise BadPayload("not JSON")

    with listening(broker, Subscription("a", 1, receive)):
        for _ in range(3):
            broker.publish("a", b"bad")
            heard.get(timeout=DEADLINE_SECONDS)
    assert warnings(caplog)[1:] == ["Ignored a message on 'a': not JSON ... and 2 more like it in the last 1 s"]
