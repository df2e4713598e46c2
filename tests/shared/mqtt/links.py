"""Links to a broker for the tests, and the warnings that they make."""

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Subscription
from tests.support.broker import Mosquitto
from tests.support.waiting import DEADLINE_SECONDS

READY = "tests/ready"


@contextmanager
def running(link: MqttClient) -> Iterator[MqttClient]:
    link.start()
    try:
        yield link
    finally:
        link.stop()


@contextmanager
def listening(broker: Mosquitto, *subscriptions: Subscription) -> Iterator[MqttClient]:
    """Run a link, from the moment on which the broker has all of its subscriptions."""
    ready: queue.SimpleQueue[Message] = queue.SimpleQueue()
    broker.publish(READY, b"ready", retain=True)
    # The broker takes subscriptions in their order, and sends what it retains for this one when it has the others.
    with running(
        MqttClient(broker.url, "test", subscriptions=[*subscriptions, Subscription(READY, 1, ready.put)])
    ) as link:
        ready.get(timeout=DEADLINE_SECONDS)
        yield link


def warned(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what our programs warned of; the clients of the tests' own log, too."""
    return [
        record for record in caplog.records if record.levelno >= logging.WARNING and record.name.startswith("shared.")
    ]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in warned(caplog)]
