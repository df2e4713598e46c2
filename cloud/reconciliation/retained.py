"""Reading all of the broker's retained messages over a separate connection."""

import queue
import threading
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.errors import BrokerAway, BrokerSilent
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Publication, Subscription
from shared.protocol import topics
from shared.protocol.errors import BadTopic
from shared.protocol.payloads import WITHDRAWN

CONNECT_SECONDS = 10.0
MOST_WAITING = 20_000
"""Messages in memory, some 6 MB, while the database is slower than the broker."""

SILENCE_SECONDS = 30.0
"""Timeout without a message before the end of the retained messages."""


def retained_batches(
    broker: BrokerUrl,
    purpose: str,
    filters: Sequence[str],
    connect_seconds: float = CONNECT_SECONDS,
    silence_seconds: float = SILENCE_SECONDS,
) -> Generator[list[Message], None, None]:
    """Yield all retained messages that match the filters, in batches; ``purpose`` becomes part of the client id.

    Raises:
        BrokerAway: the broker can't be reached or refuses the connection.
        BrokerSilent: the broker stops sending before the end; all messages until then were yielded.
    """
    received: queue.Queue[Message | None] = queue.Queue(MOST_WAITING)
    ended = threading.Event()
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
    word = uuid.uuid4().hex[:12]  # shortened, since 32 digits in the broker's log would look like a code
    probe = f"{topics.PROBE}/{word}"

    def put(message: Message | None) -> None:
        """Wait for space, on paho's thread, so that further messages wait in the broker and not in memory."""
        while not ended.is_set():
            with suppress(queue.Full):
                received.put(message, timeout=0.1)
                return

    def receive(message: Message) -> None:
        if message.retained:
            put(message)

    link = MqttClient(
        broker,
        f"lampi-cloud-{purpose}-{word}",
        subscriptions=[
            *(Subscription(topic_filter, 0, receive) for topic_filter in filters),
            Subscription(probe, 1, lambda _message: put(None)),
        ],
        on_connection=connected.put,
        quiet=True,
    )
    link.start()
    try:
        _wait_until_connected(connected, connect_seconds, broker)
        link.publish(Publication(probe, b"", qos=1, retain=False))
        yield from _batches(received, silence_seconds, broker)
    finally:
        ended.set()
        link.stop()


def _wait_until_connected(connected: "queue.SimpleQueue[bool]", seconds: float, broker: BrokerUrl) -> None:
    try:
        connected.get(timeout=seconds)
    except queue.Empty:
        raise BrokerAway(f"The broker at {broker} does not respond; nothing was changed.") from None


def _batches(
    received: "queue.Queue[Message | None]", silence_seconds: float, broker: BrokerUrl
) -> Iterator[list[Message]]:
    """Yield batches of messages up to the end marker (None)."""
    batch: list[Message] = []
    try:
        while (message := received.get(timeout=silence_seconds)) is not None:
            batch.append(message)
            if len(batch) == ROWS_A_STATEMENT:
                yield batch
                batch = []
    except queue.Empty:
        yield batch
        raise BrokerSilent(f"The broker at {broker} stopped responding before the end; nothing was changed.") from None
    yield batch


def retained_associations(broker: BrokerUrl, purpose: str) -> Iterator[dict[str, bytes]]:
    """Yield the retained messages of lamps by device id, with `retained_batches`.

    Topics without a valid device id are skipped, since no lamp subscribes to them. So are withdrawn messages: one is as
    good as none.
    """
    for batch in retained_batches(broker, purpose, [topics.ASSOCIATED_FILTER]):
        states: dict[str, bytes] = {}
        for message in batch:
            if message.payload == WITHDRAWN:
                continue
            with suppress(BadTopic):
                states[topics.parse_associated(message.topic)] = message.payload
        yield states
