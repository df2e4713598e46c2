"""Reading the broker's retained messages: how many are in memory, and the end of a reader that gives up."""

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import pytest

from cloud.reconciliation import retained
from cloud.reconciliation.retained import retained_batches
from shared.mqtt.messages import Message
from shared.protocol import topics
from tests.support.broker import Mosquitto
from tests.support.loop import ASSOCIATED, associated
from tests.support.waiting import DEADLINE_SECONDS, wait_until

LAMPS = [f"b827eb{number:06x}" for number in range(200)]
Batches = Generator[list[Message], None, None]
READER = "paho-mqtt-client-lampi-cloud-test"


class NotingQueue(queue.Queue[Any]):
    """A queue that notes when it had no space."""

    was_full = threading.Event()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        try:
            super().put(item, block, timeout)
        except queue.Full:
            self.was_full.set()
            raise


@pytest.fixture
def batches(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Batches]:
    """Give the messages of 200 lamps in batches of ten, and memory for twenty others."""
    broker.publish_all([(associated(lamp), ASSOCIATED) for lamp in LAMPS], retain=True)
    NotingQueue.was_full.clear()
    monkeypatch.setattr(queue, "Queue", NotingQueue)
    monkeypatch.setattr(retained, "MOST_WAITING", 20)
    monkeypatch.setattr(retained, "ROWS_A_STATEMENT", 10)
    with closing(retained_batches(broker.url, "test", [topics.ASSOCIATED_FILTER])) as made:
        yield made  # closed also after a failure: paho's thread would otherwise keep this process from ending


def test_messages_wait_in_the_broker_while_the_database_is_slower(batches: Batches) -> None:
    received = next(batches)
    assert NotingQueue.was_full.wait(DEADLINE_SECONDS)
    for batch in batches:
        received += batch
    assert sorted(message.topic for message in received) == [associated(lamp) for lamp in LAMPS]


def test_a_reader_that_gives_up_ends_its_connection(batches: Batches) -> None:
    next(batches)
    assert NotingQueue.was_full.wait(DEADLINE_SECONDS)
    batches.close()
    wait_until(lambda: not any(READER in thread.name for thread in threading.enumerate()), "paho's thread to end")
