"""What is made up for on a new connection, and in what order: first what lamps show, then who is no longer there."""

import pytest

from cloud import outbox
from cloud.daemon.leadership import Leadership
from cloud.daemon.publisher import Publisher
from cloud.daemon.reading_back import ReadingBack
from cloud.daemon.session import Session
from cloud.models import Lampi
from shared.broker_url import BrokerUrl
from tests.cloud.conftest import NOW

HERE, GONE = "b827ebba0387", "b827ebba0388"

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def reading_back() -> ReadingBack:
    """Give a leader's, of two lamps that were there before, and whose messages the broker has lost."""
    Lampi.create_unassociated([HERE, GONE], NOW)
    outbox.remove([message.version for message in outbox.pending(0, 10)])
    leadership = Leadership(lambda: NOW)
    leadership.keep()
    return ReadingBack(BrokerUrl("127.0.0.1", 1), leadership, Publisher(lambda _publication: None), lambda: NOW)


@pytest.fixture
def session() -> Session:
    """Give a connection on which all has been read: one lamp is up, and there is no mark."""
    opened = Session(object())
    opened.note_presence(HERE, True)
    opened.note_probe(opened.word, float("inf"))  # a crowd has only begun to come
    return opened


def connected() -> list[str]:
    return [lampi.device_id for lampi in Lampi.select().where(Lampi.connected).order_by(Lampi.device_id)]


def told_again() -> int:
    return len(outbox.pending(0, 10))


def test_in_a_crowd_lamps_are_told_at_once_and_the_roll_is_left_open(
    reading_back: ReadingBack, session: Session
) -> None:
    reading_back.step(session, None, crowded=True)
    assert told_again() == 2
    assert session.mark_is_settled
    assert connected() == [HERE, GONE]
    assert reading_back.is_under_way(session)


def test_once_it_is_through_who_did_not_come_is_not_there(reading_back: ReadingBack, session: Session) -> None:
    reading_back.step(session, None, crowded=True)
    reading_back.step(session, None, crowded=False)
    assert connected() == [HERE]
    assert told_again() == 2
    assert not reading_back.is_under_way(session)
