"""Verification: reading published messages back from a broker that can't report refusals."""

import threading
from collections.abc import Sequence

import pytest

from cloud.daemon.mqtt_link import WINDOW
from cloud.daemon.refusals import LONGEST_PAUSE_SECONDS
from cloud.daemon.verification import Verification, verification_for
from cloud.db.database import write_transaction
from cloud.errors import BrokerAway
from cloud.mqtt.listener import Session
from cloud.mqtt.packets import MQTT_3_1_1
from cloud.mqtt.reasons import NOT_RETAINED
from cloud.store import outbox
from cloud.store.outbox import Pending
from shared.mqtt.broker_url import BrokerUrl
from tests.support.loop import WITHDRAWN
from tests.support.publishing import HandPlayed, faults
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("database")


MANY = 60


class Store:
    """What a broker retains, as it is read back; away while the test says so."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.away = False
        self.faults: list[Exception] = []
        self.asked: list[Sequence[str]] = []
        self.read = threading.Event()

    def look(self, topics: Sequence[str]) -> dict[str, bytes]:
        self.asked.append(topics)
        if self.faults:
            raise self.faults.pop()
        if self.away:
            raise BrokerAway("The broker is away.")
        return {topic: self.retained[topic] for topic in topics if topic in self.retained}


class Verified:
    """A publisher over MQTT 3.1.1, and what the broker really retains."""

    def __init__(self) -> None:
        self.store = Store()
        self.verification = Verification(self.store.look, self.store.read.set)
        self.broker = HandPlayed()
        self.broker.start_over(self.verification)

    def confirm_all(self, *, retain: bool = True) -> None:
        """Have the broker confirm what was published, and retain it or not; then have it read back."""
        if retain:
            self.store.retained.update((each.topic, each.payload) for _, each in self.broker.taken)
        self.broker.accept(*self.broker.numbers())
        self.broker.taken.clear()
        self.pump_until_read()

    def pump_until_read(self) -> None:
        self.broker.pump()
        wait_until(self._pumped, "the batch to be read")
        self.broker.pump()

    def _pumped(self) -> bool:
        self.broker.pump()
        return not self.verification.is_reading


@pytest.fixture
def verified() -> Verified:
    return Verified()


def enqueue(count: int, payload: bytes = b"x") -> None:
    with write_transaction():
        first = outbox.reserve(count)
        outbox.put([Pending(first + number, f"topic {number}", payload) for number in range(count)])


def pending() -> int:
    return len(outbox.pending(0, WINDOW))


def test_it_is_for_brokers_that_can_t_report_refusals() -> None:
    broker = BrokerUrl("127.0.0.1", 1)
    assert verification_for(None, broker, lambda: None) is None
    assert verification_for(Session(), broker, lambda: None) is None
    assert verification_for(Session(MQTT_3_1_1), broker, lambda: None) is not None


def test_rows_go_once_they_were_read_back(verified: Verified) -> None:
    enqueue(MANY)
    verified.broker.pump()
    verified.confirm_all()
    assert pending() == 0
    assert [len(set(topics)) for topics in verified.store.asked] == [MANY]


def test_only_what_is_lost_is_published_again(verified: Verified) -> None:
    enqueue(MANY)
    verified.broker.pump()
    lost = verified.broker.taken[7][1].topic
    verified.store.retained.update(
        (each.topic, each.payload) for _, each in verified.broker.taken if each.topic != lost
    )
    verified.confirm_all(retain=False)
    assert pending() == 1
    assert [each.topic for _, each in verified.broker.taken] == [lost]


def test_after_a_loss_one_goes_at_a_time_and_all_go_again(verified: Verified, caplog: pytest.LogCaptureFixture) -> None:
    enqueue(MANY)
    verified.broker.pump()
    verified.confirm_all(retain=False)
    assert verified.broker.is_narrow
    assert verified.broker.numbers() == list(range(1, MANY + 1))
    assert pending() == MANY
    verified.confirm_all()
    assert pending() == 0
    assert faults() == {}
    assert [line for line in caplog.messages if "lost messages" in line]


def test_what_was_under_way_as_the_first_loss_was_noticed_is_not_refused(verified: Verified) -> None:
    enqueue(WINDOW)
    verified.broker.pump()
    verified.broker.accept(*range(1, WINDOW // 2))
    verified.pump_until_read()
    assert verified.broker.is_narrow
    verified.broker.accept(*range(WINDOW // 2, WINDOW + 1))
    verified.pump_until_read()
    assert faults() == {}
    while pending():
        verified.confirm_all()
    assert faults() == {}


def test_what_is_lost_one_at_a_time_is_named_and_tried_again_after_a_pause(verified: Verified) -> None:
    enqueue(MANY)
    verified.broker.pump()
    verified.confirm_all(retain=False)
    verified.confirm_all(retain=False)
    verified.broker.pump(seconds=2.0)
    assert faults() == {NOT_RETAINED: MANY}
    assert verified.broker.taken == []
    verified.broker.pump(LONGEST_PAUSE_SECONDS)
    verified.broker.pump()  # a new round
    assert len(verified.broker.taken) == MANY
    verified.confirm_all()
    verified.broker.pump(seconds=2.0)
    verified.broker.pump(seconds=2.0)
    assert pending() == 0
    assert faults() == {}


def test_what_changed_meanwhile_is_not_lost(verified: Verified) -> None:
    enqueue(1)
    verified.broker.pump()
    enqueue(1, b"newer")
    verified.store.retained["topic 0"] = b"newer"
    verified.confirm_all(retain=False)
    assert not verified.broker.is_narrow
    assert [message.payload for message in outbox.pending(0, WINDOW)] == [b"newer"]


@pytest.mark.parametrize("retain", [True, False], ids=["it is", "nothing is"])
def test_what_is_withdrawn_must_be_there_or_nothing(verified: Verified, retain: bool) -> None:
    enqueue(1, WITHDRAWN)
    verified.broker.pump()
    verified.confirm_all(retain=retain)
    assert pending() == 0


def test_a_code_that_is_there_instead_of_its_withdrawal_is_lost(verified: Verified) -> None:
    enqueue(1, WITHDRAWN)
    verified.store.retained["topic 0"] = b"a code"
    verified.broker.pump()
    verified.confirm_all(retain=False)
    assert pending() == 1


def test_a_broker_that_is_away_as_a_batch_is_read_back_is_asked_again(verified: Verified) -> None:
    enqueue(1)
    verified.broker.pump()
    verified.store.away = True
    verified.store.retained["topic 0"] = b"x"
    verified.broker.accept(1)
    verified.broker.pump()
    wait_until(verified.store.read.is_set, "a first try")
    assert pending() == 1
    verified.store.away = False
    verified.pump_until_read()
    assert pending() == 0


def test_whatever_goes_wrong_while_reading_is_logged_and_tried_again(
    verified: Verified, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.daemon.verification.RETRY_SECONDS", 0.0)
    verified.store.faults.append(RuntimeError("an unexpected one"))
    enqueue(1)
    verified.broker.pump()
    verified.confirm_all()
    assert outbox.newest_version() == 0
    assert [record.message for record in caplog.records if record.exc_info] == [
        "Reading messages back failed; retrying"
    ]
