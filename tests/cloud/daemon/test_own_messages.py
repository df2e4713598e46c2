"""The daemon's own messages and its connection, where the broker refuses them."""

import pytest

from cloud.daemon.mqtt_link import MARK, STATE
from cloud.daemon.publisher import Publisher
from cloud.daemon.refusals import LONGEST_PAUSE_SECONDS, RIVAL_GONE_SECONDS
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.reasons import NO_RETAIN, NOT_AUTHORIZED, TAKEN_OVER
from cloud.store import broker_faults
from cloud.store.broker_faults import Fault
from tests.support.publishing import HandPlayed, faults
from tests.support.replay import our_mark

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def broker() -> HandPlayed:
    return HandPlayed()


@pytest.fixture
def publisher(broker: HandPlayed) -> Publisher:
    return broker.publisher


def test_a_mark_that_is_refused_is_named_and_tried_again(broker: HandPlayed, publisher: Publisher) -> None:
    publisher.take_over_mark(our_mark)
    broker.pump()
    broker.refuse(NOT_AUTHORIZED, MARK)
    broker.pump(seconds=1.0)
    assert faults() == {NOT_AUTHORIZED: 1}
    assert publisher.idle
    broker.pump(LONGEST_PAUSE_SECONDS)
    assert broker.numbers() == [MARK, MARK]
    broker.accept(MARK)
    broker.pump(seconds=2.0)
    assert faults() == {}


def test_the_daemon_s_state_is_published_again_when_it_was_refused(broker: HandPlayed) -> None:
    broker.refuse(NOT_AUTHORIZED, STATE)
    broker.pump(seconds=1.0)
    assert faults() == {NOT_AUTHORIZED: 1}
    broker.pump(LONGEST_PAUSE_SECONDS)
    assert broker.payloads() == [b"1"]
    assert faults() == {NOT_AUTHORIZED: 1}  # until it is accepted
    broker.refuse(NOT_AUTHORIZED, STATE)
    broker.pump(seconds=2.0)
    assert (faults(), len(broker.taken)) == ({NOT_AUTHORIZED: 1}, 1)
    broker.pump(LONGEST_PAUSE_SECONDS)
    broker.accept(STATE)
    broker.pump(seconds=2.0)
    assert faults() == {}


def test_the_daemon_s_own_messages_are_published_again_when_the_broker_had_no_room(
    broker: HandPlayed, publisher: Publisher
) -> None:
    publisher.take_over_mark(our_mark)
    broker.pump()
    assert broker.numbers() == [MARK]
    publisher.conclude(Outcomes(over_quota=[MARK, STATE]), broker.monotonic)
    broker.pump()
    assert sorted(broker.numbers()) == sorted([MARK, STATE, MARK])
    broker.accept(MARK, STATE)
    broker.pump()
    assert publisher.idle
    assert faults() == {}


def test_subscriptions_that_are_refused_are_named_until_they_are_granted(
    broker: HandPlayed, publisher: Publisher
) -> None:
    publisher.refusals.subscribed(bytes([1, NOT_AUTHORIZED, NOT_AUTHORIZED]))
    broker.pump()
    (fault,) = broker_faults.current()
    assert fault.text.startswith("the broker refuses 2 subscriptions (not authorized); let the daemon's user read")
    publisher.refusals.subscribed(bytes([1, 0, 0]))
    broker.pump(seconds=2.0)
    assert broker_faults.current() == []


def test_a_refused_connection_is_a_fault_until_it_is_accepted(broker: HandPlayed, publisher: Publisher) -> None:
    broker.lost = True
    publisher.refusals.connection_rejected(NO_RETAIN, 0.0)
    broker.pump()
    assert broker_faults.current() == [Fault(NO_RETAIN, 0)]
    broker.lost = False
    broker.start_over()
    broker.accept(STATE)
    broker.pump(seconds=2.0)
    assert broker_faults.current() == []


def test_takeovers_are_a_fault_until_there_was_none_for_a_minute(broker: HandPlayed, publisher: Publisher) -> None:
    publisher.refusals.connection_rejected(TAKEN_OVER, 0.0)
    broker.start_over()
    broker.accept(STATE)
    broker.pump(seconds=2.0)
    (fault,) = broker_faults.current()
    assert "only one cloud per broker" in fault.text
    broker.pump(RIVAL_GONE_SECONDS)
    broker.pump(seconds=2.0)
    assert broker_faults.current() == []


def test_a_daemon_that_no_longer_leads_writes_no_fault(broker: HandPlayed, publisher: Publisher) -> None:
    broker.superseded = True
    publisher.refusals.connection_rejected(NO_RETAIN, 0.0)
    broker.pump()
    assert broker_faults.current() == []
    broker.superseded = False
    broker.start_over()
    broker.pump(seconds=2.0)
    assert broker_faults.current() == [Fault(NO_RETAIN, 0)]
