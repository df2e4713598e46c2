"""The link to the broker, on a real Mosquitto."""

import queue

import pytest

from shared.errors import BadPayload
from shared.mqtt import BrokerLink, Message, Subscription
from tests.support.broker import Mosquitto


def test_receives_what_it_subscribed_to(broker: Mosquitto) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    link = BrokerLink(
        broker.url, "test", subscriptions=[Subscription("a/+", 2, heard.put)], on_connection=connected.put
    )
    broker.publish("a/b", b"kept", retain=True)
    link.start()
    try:
        assert connected.get(timeout=5)
        assert heard.get(timeout=5) == Message("a/b", b"kept", retained=True)
    finally:
        link.stop()


def test_a_bad_message_is_logged_and_the_next_one_received(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def receive(message: Message) -> None:
        if message.payload == b"bad":
            raise BadPayload("not JSON")
        if message.payload == b"fault":
            raise ZeroDivisionError
        heard.put(message)

    link = BrokerLink(broker.url, "test", subscriptions=[Subscription("a", 1, receive)])
    link.start()
    try:
        for payload in (b"bad", b"fault", b"good"):
            broker.publish("a", payload, retain=True)
        assert heard.get(timeout=5).payload == b"good"
    finally:
        link.stop()
    assert "Ignored a message on 'a': not JSON" in caplog.text
