"""Reading samples back from a broker whose word is not enough."""

import threading
from collections.abc import Sequence

import pytest

from cloud import broker_faults, outbox
from cloud.daemon.link import WINDOW
from cloud.daemon.refusals import LONGEST_PAUSE_SECONDS
from cloud.daemon.sampling import SAMPLE, Sampling, sampling_for
from cloud.database import write_transaction
from cloud.errors import BrokerAway
from cloud.mqtt.listener import Session
from cloud.mqtt.packets import MQTT_3_1_1
from cloud.mqtt.reasons import NOT_RETAINED
from cloud.outbox import Pending
from shared.broker_url import BrokerUrl
from tests.support.publishing import HandPlayed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("database")


class Store:
    """What a broker retains, as samples are read from it; away while it is told to be."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.away = False
        self.asked: list[Sequence[str]] = []
        self.read = threading.Event()

    def look(self, topics: Sequence[str]) -> dict[str, bytes]:
        self.asked.append(topics)
        if self.away:
            raise BrokerAway("The broker is away.")
        return {topic: self.retained[topic] for topic in topics if topic in self.retained}


class Sampled:
    """A publisher over MQTT 3.1.1, and what the broker really retains."""

    def __init__(self) -> None:
        self.store = Store()
        self.sampling = Sampling(self.store.look, self.store.read.set)
        self.broker = HandPlayed()
        self.broker.start_over(self.sampling)

    def confirm_all(self, *, retain: bool = True) -> None:
        """Have the broker confirm what was published, and retain it or not; then have a sample read."""
        if retain:
            self.store.retained.update((each.topic, each.payload) for _, each in self.broker.taken)
        self.broker.accept(*self.broker.numbers())
        self.broker.taken.clear()
        self.pump_until_read()

    def pump_until_read(self) -> None:
        self.broker.pump()
        wait_until(self._pumped, "the sample to be read")
        self.broker.pump()

    def _pumped(self) -> bool:
        self.broker.pump()
        return not self.sampling.is_reading


@pytest.fixture
def sampled() -> Sampled:
    return Sampled()


def enqueue(count: int, payload: bytes = b"x") -> None:
    with write_transaction():
        first = outbox.reserve(count)
        outbox.put([Pending(first + number, f"topic {number}", payload) for number in range(count)])


def pending() -> int:
    return len(outbox.pending(0, WINDOW))


def faults() -> dict[int, int]:
    return {fault.reason: fault.messages for fault in broker_faults.current()}


def test_it_is_for_brokers_that_can_t_report_refusals() -> None:
    broker = BrokerUrl("127.0.0.1", 1)
    assert sampling_for(None, broker, lambda: None) is None
    assert sampling_for(Session(), broker, lambda: None) is None
    assert sampling_for(Session(MQTT_3_1_1), broker, lambda: None) is not None


def test_rows_go_once_a_sample_of_them_was_read_back(sampled: Sampled) -> None:
    enqueue(3 * SAMPLE)
    sampled.broker.pump()
    sampled.confirm_all()
    assert pending() == 0
    assert [len(set(topics)) for topics in sampled.store.asked] == [SAMPLE]


def test_after_a_loss_one_goes_at_a_time_and_all_go_again(sampled: Sampled, caplog: pytest.LogCaptureFixture) -> None:
    enqueue(SAMPLE)
    sampled.broker.pump()
    sampled.confirm_all(retain=False)
    assert sampled.broker.is_narrow
    assert sampled.broker.numbers() == list(range(1, SAMPLE + 1))
    assert pending() == SAMPLE
    sampled.confirm_all()
    assert pending() == 0
    assert faults() == {}
    assert [line for line in caplog.messages if "lost messages" in line]


def test_what_is_lost_one_at_a_time_is_named_and_tried_again_after_a_pause(sampled: Sampled) -> None:
    enqueue(SAMPLE)
    sampled.broker.pump()
    sampled.confirm_all(retain=False)
    sampled.confirm_all(retain=False)
    sampled.broker.pump(seconds=2.0)
    assert faults() == {NOT_RETAINED: SAMPLE}
    assert sampled.broker.taken == []
    sampled.broker.pump(LONGEST_PAUSE_SECONDS)
    sampled.broker.pump()  # a new round
    assert len(sampled.broker.taken) == SAMPLE
    sampled.confirm_all()
    sampled.broker.pump(seconds=2.0)
    sampled.broker.pump(seconds=2.0)
    assert pending() == 0
    assert faults() == {}


def test_what_changed_meanwhile_is_not_lost(sampled: Sampled) -> None:
    enqueue(1)
    sampled.broker.pump()
    enqueue(1, b"newer")
    sampled.store.retained["topic 0"] = b"newer"
    sampled.confirm_all(retain=False)
    assert not sampled.broker.is_narrow
    assert [message.payload for message in outbox.pending(0, WINDOW)] == [b"newer"]


def test_what_is_cleared_must_not_be_there(sampled: Sampled) -> None:
    enqueue(1, b"")
    sampled.broker.pump()
    sampled.confirm_all(retain=False)
    assert pending() == 0


def test_a_broker_that_is_away_as_a_sample_is_read_is_asked_again(sampled: Sampled) -> None:
    enqueue(1)
    sampled.broker.pump()
    sampled.store.away = True
    sampled.store.retained["topic 0"] = b"x"
    sampled.broker.accept(1)
    sampled.broker.pump()
    wait_until(sampled.store.read.is_set, "a first try")
    assert pending() == 1
    sampled.store.away = False
    sampled.pump_until_read()
    assert pending() == 0
