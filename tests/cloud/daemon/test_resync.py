"""The resync on a new connection, in order: first lamps' state, then presence."""

from datetime import datetime

import pytest

from cloud.daemon import resync as module
from cloud.daemon.leader_election import LeaderElection
from cloud.daemon.mqtt_link import MARK, WINDOW
from cloud.daemon.resync import MOST_AT_ONCE, Resync
from cloud.daemon.session import LONGEST_BURST_SECONDS, Session
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.mqtt.listener import Session as BrokerSession
from cloud.services.lamps import register_lamps
from cloud.store import outbox
from cloud.store.lamps import Lampi
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol.payloads import HighWaterMark, decode_high_water_mark
from tests.cloud.conftest import NOW
from tests.support.publishing import HandPlayed
from tests.support.replay import confirm_all, enqueued_versions, our_mark

HERE, GONE = "b827ebba0387", "b827ebba0388"

pytestmark = pytest.mark.usefixtures("database")


class Broker(HandPlayed):
    """Stands for the connection: accepts when the test says so, in order."""

    def confirm(self, count: int = WINDOW) -> None:
        """Accept this many published messages, and publish what was waiting for that."""
        self.accept_next(count)
        self.pump()

    def marks(self) -> list[HighWaterMark]:
        """Return the high-water marks that were published."""
        return [decode_high_water_mark(one.payload) for number, one in self.taken if number == MARK]


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no step end, and none begin, because time went by: a machine may be slow."""
    monkeypatch.setattr(module, "SETTLE_SECONDS", 3600.0)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 3600.0)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def resync(broker: Broker) -> Resync:
    """Give a leader's, of two lamps that were there before, and whose messages the broker has lost."""
    know([HERE, GONE])
    election = LeaderElection(lambda: NOW)
    election.keep()
    return Resync(BrokerUrl("127.0.0.1", 1), election, broker.publisher, lambda: NOW)


def know(device_ids: list[str]) -> None:
    """Register lamps whose state was published."""
    register_lamps(device_ids, NOW)
    confirm_all()


def know_many() -> int:
    """Have so many more that telling them takes three steps, and return how many there are then."""
    know([f"b827eb{number:06x}" for number in range(MOST_AT_ONCE + ROWS_A_STATEMENT)])
    return outbox.last_version()


@pytest.fixture
def session() -> Session:
    """Give a connection on which all has been read: one lamp is up, and there is no mark."""
    opened = Session(BrokerSession())
    opened.note_presence(HERE, True, False)
    opened.note_probe(opened.word, float("inf"))  # a crowd has only begun to come
    return opened


def go_on(resync: Resync, session: Session, *, crowded: bool) -> None:
    resync.begin(session)
    resync.step(session, None, crowded=crowded)


def connected() -> list[str]:
    return [lampi.device_id for lampi in Lampi.select().where(Lampi.connected).order_by(Lampi.device_id)]


def replayed(session: Session) -> int:
    return 0 if session.replay is None else session.replay.replayed


def test_in_a_burst_lamps_are_republished_at_once_and_the_snapshot_waits(resync: Resync, session: Session) -> None:
    go_on(resync, session, crowded=True)
    assert replayed(session) == len(enqueued_versions()) == 2
    assert session.is_replayed
    assert connected() == [HERE, GONE]
    assert resync.is_under_way(session)


def test_after_the_burst_lamps_missing_from_the_snapshot_are_offline(resync: Resync, session: Session) -> None:
    go_on(resync, session, crowded=True)
    go_on(resync, session, crowded=False)
    assert connected() == [HERE]
    assert replayed(session) == len(enqueued_versions()) == 2
    assert not resync.is_under_way(session)


def test_a_replay_is_no_faster_than_the_publisher(resync: Resync, session: Session, broker: Broker) -> None:
    lost = know_many()
    for _ in range(3):  # nothing of it is published
        go_on(resync, session, crowded=False)
        assert replayed(session) == MOST_AT_ONCE
    broker.pump()
    broker.confirm(WINDOW // 2 - 1)  # much is under way
    go_on(resync, session, crowded=False)
    assert replayed(session) == MOST_AT_ONCE
    for expected in (MOST_AT_ONCE + ROWS_A_STATEMENT, lost):
        broker.confirm()
        assert not session.is_replayed
        go_on(resync, session, crowded=False)
        assert replayed(session) == expected
    assert session.is_replayed


def test_an_endless_burst_does_not_block_the_snapshot(
    resync: Resync, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = know_many()
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.0)
    for _ in range(3):  # and nothing of it is published meanwhile
        go_on(resync, session, crowded=True)
    assert replayed(session) == lost
    assert session.is_replayed


def test_the_replay_continues_after_the_snapshot_is_settled(resync: Resync, session: Session) -> None:
    know_many()
    session.note_probe(session.word, -LONGEST_BURST_SECONDS)
    go_on(resync, session, crowded=False)
    assert session.snapshot is None
    assert connected() == [HERE]
    assert resync.is_under_way(session)


def test_the_mark_follows_step_by_step(resync: Resync, session: Session, broker: Broker) -> None:
    lost = know_many()
    while resync.is_under_way(session) or not broker.publisher.idle:
        go_on(resync, session, crowded=False)
        session.note_probe(session.word, -LONGEST_BURST_SECONDS)
        broker.confirm()
    marks = broker.marks()
    assert our_mark(MOST_AT_ONCE + ROWS_A_STATEMENT - 1, (lost, lost + MOST_AT_ONCE)) in marks
    assert marks[-1] == our_mark(2 * lost)


def test_the_snapshot_waits_for_the_end_of_the_replay(resync: Resync, session: Session) -> None:
    know_many()
    go_on(resync, session, crowded=False)
    assert session.snapshot is not None
    assert HERE in connected()
    assert GONE in connected()


class FakeSweep:
    """Stands in for the orphan sweep, which needs a broker."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, _now: datetime) -> bool:
        self.steps += 1
        return self.steps == 3


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[FakeSweep]:
    """Give the sweeps that were started."""
    begun: list[FakeSweep] = []

    def begin(_broker: BrokerUrl) -> FakeSweep:
        begun.append(FakeSweep())
        return begun[-1]

    monkeypatch.setattr(module, "OrphanSweep", begin)
    return begun


def test_the_mark_of_a_newer_database_stays_until_the_replay_ends(
    resync: Resync,
    session: Session,
    broker: Broker,
    sweeps: list[FakeSweep],
    caplog: pytest.LogCaptureFixture,
) -> None:
    lost = know_many()
    session.mark = our_mark(5000)
    go_on(resync, session, crowded=False)
    while not session.is_replayed:
        assert outbox.broker_is_suspect()
        assert sweeps == []
        broker.confirm()
        assert broker.marks() == []
        go_on(resync, session, crowded=False)
    while not broker.publisher.idle or resync.is_under_way(session):
        broker.confirm()
        go_on(resync, session, crowded=False)
        session.note_probe(session.word, -LONGEST_BURST_SECONDS)
    assert broker.marks()[-1] == our_mark(5000 + lost)
    assert [sweep.steps for sweep in sweeps] == [3]
    assert [line for line in caplog.messages if "lost" in line or "Republishing" in line] == [
        "Republishing lamp state in batches",
        f"Republished up to {lost} messages that the broker had lost",
    ]


def test_a_sweep_of_an_earlier_connection_is_not_used(
    resync: Resync, session: Session, sweeps: list[FakeSweep]
) -> None:
    """It read what the broker retained then; the broker may have lost that since, and have orphans again."""
    session.mark = our_mark(5000)
    go_on(resync, session, crowded=True)
    again = Session(BrokerSession())
    for _ in range(5):
        go_on(resync, again, crowded=True)
    assert [sweep.steps for sweep in sweeps] == [1]
    assert outbox.broker_is_suspect()
    again.note_probe(again.word, 0.0)
    go_on(resync, again, crowded=True)
    assert [sweep.steps for sweep in sweeps] == [1, 1]
