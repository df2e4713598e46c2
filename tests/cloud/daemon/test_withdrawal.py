"""Withdrawn messages on a real broker: over MQTT 5 it drops them after their expiry, over 3.1.1 it keeps them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from cloud.daemon.publisher import Publisher
from cloud.daemon.verification import verification_for
from cloud.mqtt.client import BrokerClient
from cloud.mqtt.listener import Session
from cloud.store import outbox
from shared.mqtt.messages import Publication
from tests.cloud.conftest import NOW
from tests.cloud.mqtt.test_client import Ledger, running
from tests.support.broker import Mosquitto
from tests.support.callers import Caller
from tests.support.loop import WITHDRAWN, associated, retained_state
from tests.support.publishing import enqueue
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("database")

LAMP = "b827ebba0387"
TOPIC = associated(LAMP)
CODE = b'{"associated": false, "code": "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"}'
END = "end"
SECONDS = 1
"""The shortest expiry that there is."""


class Straight:
    """A publisher's way to a real broker, and what it has sent."""

    def __init__(self, client: BrokerClient, session: Session, ledger: Ledger, seconds: int) -> None:
        self._client = client
        self._session = session
        self._ledger = ledger
        self.publisher = Publisher(self, withdrawn_seconds=seconds)
        self.sent: list[Publication] = []

    def leads(self) -> bool:
        return True

    @property
    def is_open(self) -> bool:
        return True

    def publish(self, messages: Sequence[tuple[int, Publication]]) -> bool:
        self.sent += [publication for _, publication in messages]
        return self._client.publish(self._session, messages)

    def narrow(self) -> None:
        self._client.narrow(self._session)

    def publish_all(self) -> None:
        """Return once the outbox is empty."""

        def is_empty() -> bool:
            self.publisher.pump(NOW, 0.0)
            while self._ledger.outcomes:
                self.publisher.conclude(self._ledger.outcomes.pop(0), 0.0)
            return outbox.newest_version() == 0

        wait_until(is_empty, "the outbox to be empty")


@contextmanager
def connected(broker: Mosquitto, version: str, seconds: int = SECONDS) -> Iterator[Straight]:
    ledger = Ledger()
    with running(broker.url, ledger, version) as client:
        session = ledger.session()
        straight = Straight(client, session, ledger, seconds)
        straight.publisher.start_over(verification_for(session, broker.url, lambda: None))
        yield straight


def test_the_topic_is_empty_after_the_expiry(broker: Mosquitto) -> None:
    broker.publish(TOPIC, CODE, retain=True)
    with connected(broker, "auto") as straight, broker.hear(TOPIC) as lamp:
        assert lamp.next().payload == CODE
        enqueue((TOPIC, WITHDRAWN))
        straight.publish_all()
        assert lamp.next().payload == WITHDRAWN
        wait_until(lambda: retained_state(broker, LAMP) is None, "the withdrawn message to expire")
        assert lamp.all_so_far() == []  # nothing is said to who has heard it


def test_what_waits_for_a_lamp_that_is_away_expires_too(broker: Mosquitto) -> None:
    def lamp() -> Caller:
        return Caller(broker.port, client_id="bridge", clean=False)

    with lamp() as bridge:
        assert bridge.subscribe(TOPIC, 2)
        assert bridge.subscribe(END, 2)
    with connected(broker, "auto") as straight:
        enqueue((TOPIC, WITHDRAWN))
        straight.publish_all()
    _pass_expiry(broker)
    broker.publish(END, b"end", qos=2)
    with lamp() as bridge:
        assert bridge.heard_until(lambda heard: heard.topic == END) == []


def test_a_lamp_that_is_back_in_time_is_told(broker: Mosquitto) -> None:
    with Caller(broker.port, client_id="bridge", clean=False) as bridge:
        assert bridge.subscribe(TOPIC, 2)
    with connected(broker, "auto", seconds=600) as straight:
        enqueue((TOPIC, WITHDRAWN))
        straight.publish_all()
    with Caller(broker.port, client_id="bridge", clean=False) as bridge:
        assert bridge.heard_until(lambda heard: heard.payload == WITHDRAWN) == []


def test_what_expires_while_the_broker_is_down_is_not_there_when_it_is_back(broker: Mosquitto) -> None:
    with connected(broker, "auto") as straight:
        enqueue((TOPIC, WITHDRAWN))
        straight.publish_all()
        published_at = time.time()
    broker.stop()
    wait_until(lambda: time.time() > published_at + SECONDS + 1, "the broker's clock to pass the expiry")
    broker.start()
    assert retained_state(broker, LAMP) is None


def test_a_code_that_follows_a_withdrawal_stays(broker: Mosquitto) -> None:
    with connected(broker, "auto") as straight:
        enqueue((TOPIC, WITHDRAWN))
        straight.publish_all()
        enqueue((TOPIC, CODE))
        straight.publish_all()
    _pass_expiry(broker)
    assert retained_state(broker, LAMP) == CODE


def test_over_3_1_1_it_stays_and_is_confirmed(broker: Mosquitto) -> None:
    broker.publish(TOPIC, CODE, retain=True)
    with connected(broker, "3.1.1") as straight:
        enqueue((TOPIC, WITHDRAWN))
        straight.publish_all()
        assert [publication.topic for publication in straight.sent] == [TOPIC]
    _pass_expiry(broker)
    assert retained_state(broker, LAMP) == WITHDRAWN


def _pass_expiry(broker: Mosquitto) -> None:
    """Return when all that was withdrawn until now must have expired: when two later messages have, one by one.

    Mosquitto drops a queued message one second after the retained one.
    """
    for _ in range(2):
        with connected(broker, "5") as straight:
            enqueue((associated("b827ebba0388"), WITHDRAWN))
            straight.publish_all()
        wait_until(lambda: retained_state(broker, "b827ebba0388") is None, "a later withdrawn message to expire")
