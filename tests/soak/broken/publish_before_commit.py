"""Publish, then commit: as if the two were one act. A commit that fails, or never comes, leaves the broker ahead."""

import os
from collections.abc import Sequence

from paho.mqtt import publish

from cloud.store import outbox
from cloud.store.outbox import Pending
from shared.mqtt.broker_url import parse_broker_url
from shared.protocol import topics


def sabotage() -> None:
    """Have every message go to the broker at once, inside the transaction, instead of into the outbox."""
    outbox.put = _publish_now


def _publish_now(messages: Sequence[Pending]) -> None:
    broker = parse_broker_url(os.environ["LAMPI_BROKER_URL"])
    delivery = topics.ASSOCIATED
    for message in messages:
        publish.single(message.topic, message.payload, delivery.qos, delivery.retain, broker.host, broker.port)
