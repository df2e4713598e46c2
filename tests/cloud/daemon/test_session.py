"""State of one connection: the mark, the presence snapshot, the probe, and dropped messages."""

import itertools
import sqlite3
from contextlib import closing

import peewee
import pytest

from cloud.daemon.presence import PresenceBatch, PresenceSnapshot
from cloud.daemon.session import (
    FIRST_SUBSCRIBE_PAUSE_SECONDS,
    LONGEST_BURST_SECONDS,
    LONGEST_SUBSCRIBE_PAUSE_SECONDS,
    PROBE_AGAIN_SECONDS,
    Session,
)
from cloud.mqtt.listener import Session as BrokerSession
from cloud.services.lamps import register_lamps
from cloud.store.lamps import Lampi
from tests.cloud.conftest import NOW


def test_the_probe_is_sent_once_and_again_only_when_it_does_not_come_back() -> None:
    session = Session(BrokerSession())
    assert session.probe_is_due(100.0)
    assert not session.probe_is_due(100.0 + PROBE_AGAIN_SECONDS - 0.1)
    assert session.probe_is_due(100.0 + PROBE_AGAIN_SECONDS)
    session.note_probe(session.word, 111.0)
    assert session.all_is_read
    assert not session.probe_is_due(1000.0)


def test_a_refused_subscription_is_asked_for_again_at_growing_pauses() -> None:
    session = Session(BrokerSession())
    asked = [second for second in range(600) if session.subscribing_is_due(float(second))]
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert asked[0] == FIRST_SUBSCRIBE_PAUSE_SECONDS
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(LONGEST_SUBSCRIBE_PAUSE_SECONDS, abs=2)


def test_another_probe_is_ignored() -> None:
    session = Session(BrokerSession())
    session.note_probe(b"another daemon's", 1.0)
    assert not session.all_is_read


def test_reading_again_uses_a_new_probe() -> None:
    session = Session(BrokerSession())
    old = session.word
    session.note_probe(old, 1.0)
    session.begin_reading()
    session.note_probe(old, 2.0)
    assert not session.all_is_read
    assert session.probe_is_due(0.0)


def test_the_snapshot_waits_during_a_burst_but_not_forever() -> None:
    session = Session(BrokerSession())
    assert not session.snapshot_is_due(False, 1000.0)
    session.note_probe(session.word, 100.0)
    assert session.snapshot_is_due(False, 100.0)
    assert not session.snapshot_is_due(True, 100.0 + LONGEST_BURST_SECONDS - 0.1)
    assert session.snapshot_is_due(True, 100.0 + LONGEST_BURST_SECONDS)


def test_dropped_messages_are_logged_and_requested_again(caplog: pytest.LogCaptureFixture) -> None:
    session = Session(BrokerSession())
    assert not session.note_dropped(1000, 1.0)  # from before we came
    assert not session.note_dropped(1000, 11.0)
    assert session.note_dropped(1500, 21.0)
    assert "The broker dropped 500 messages" in caplog.text
    assert "max_queued_messages" in caplog.text
    assert not session.note_dropped(1500, 31.0)
    assert not session.note_dropped(0, 41.0)  # the broker was restarted
    assert session.note_dropped(1, 51.0)


def test_another_clients_drops_are_asked_about_ever_more_rarely() -> None:
    session = Session(BrokerSession())
    session.note_dropped(0, 0.0)
    asked = [seconds for seconds in range(10, 3600, 10) if session.note_dropped(seconds, float(seconds))]
    assert len(asked) < 10
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses == sorted(pauses)


@pytest.mark.usefixtures("database")
def test_lamps_missing_from_the_snapshot_are_offline() -> None:
    ids = [f"{number:012x}" for number in range(6000)]
    batch = PresenceBatch()
    for device_id in ids:
        batch.add(device_id, True)
    batch.register(NOW)
    snapshot = PresenceSnapshot()
    for device_id in reversed(ids[::2]):
        snapshot.add(device_id)
    settle(snapshot)
    assert snapshot.gone_offline == 3000
    assert [lampi.device_id for lampi in Lampi.select().where(Lampi.connected).order_by(Lampi.device_id)] == ids[::2]


@pytest.mark.usefixtures("database")
def test_a_lamp_that_connects_while_the_snapshot_is_settled_is_online() -> None:
    ids = [f"{number:012x}" for number in range(12_000)]
    register_lamps(ids, NOW)
    snapshot = PresenceSnapshot()
    assert not snapshot.settle(NOW)  # the first page
    late = [ids[0], ids[-1], ids[-257]]  # one of it, and two of the last, which share a part of the snapshot
    batch = PresenceBatch()
    for device_id in late:
        batch.add(device_id, True)
        snapshot.add(device_id)
    batch.register(NOW)
    settle(snapshot)
    assert {lampi.device_id for lampi in Lampi.select().where(Lampi.connected)} == set(late)


def test_a_daemon_that_was_paused_until_another_led_writes_no_presence(database: peewee.Database) -> None:
    """Its events are older than those that the other has recorded."""

    def leads_no_more() -> bool:
        assert database.in_transaction()  # else the pause can come between this answer and the write
        return False

    register_lamps(["b827ebba0387"], NOW)
    batch = PresenceBatch()
    batch.add("b827ebba0387", False)
    batch.add("b827ebba0388", True)
    assert batch.register(NOW, leads_no_more) == []
    snapshot = PresenceSnapshot()
    assert not snapshot.settle(NOW, leads_no_more)
    assert snapshot.gone_offline == 0
    assert [(lampi.device_id, lampi.connected) for lampi in Lampi.select()] == [("b827ebba0387", True)]


def test_a_page_for_which_the_database_failed_is_settled_when_it_is_back(
    sqlite_database: peewee.SqliteDatabase,
) -> None:
    register_lamps(["b827ebba0387", "b827ebba0388"], NOW)
    snapshot = PresenceSnapshot()
    snapshot.add("b827ebba0388")
    sqlite_database.execute_sql("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(sqlite_database.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(peewee.OperationalError):
            snapshot.settle(NOW)
    settle(snapshot)
    assert [lampi.device_id for lampi in Lampi.select().where(Lampi.connected)] == ["b827ebba0388"]
    assert snapshot.gone_offline == 1


def settle(snapshot: PresenceSnapshot) -> None:
    while not snapshot.settle(NOW):
        pass
