"""Replay to a broker that lost messages: what was lost is published again, and nothing else."""

from datetime import timedelta

import pytest

from cloud.daemon.presence import PresenceBatch
from cloud.db.database import write_transaction
from cloud.reconciliation.replay import REMEMBERED_FOR, Replay
from cloud.services.claiming import associate_by_code, forget
from cloud.services.lamps import register_lamps
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from cloud.store.tombstones import Tombstone
from shared.protocol.payloads import HighWaterMark
from tests.cloud.conftest import NOW
from tests.support.loop import WITHDRAWN
from tests.support.replay import confirm_all, enqueued, enqueued_versions, our_mark, replay_lost, topic

pytestmark = pytest.mark.usefixtures("database")


def test_nothing_is_replayed_to_a_broker_that_has_everything() -> None:
    assert replay_lost(our_mark(10), NOW) == 0
    assert enqueued() == {}


def test_messages_after_the_mark_are_replayed(lamps: list[str], ada: User) -> None:
    associate_by_code(Lampi.named(lamps[2]).association_code, ada, NOW)
    confirm_all()
    assert replay_lost(our_mark(8), NOW) == 3
    assert enqueued().keys() == {topic(lamps[2]), topic(lamps[8]), topic(lamps[9])}
    assert enqueued()[topic(lamps[2])] == b'{"associated": true}'


def test_orphans_of_forgotten_lamps_are_withdrawn_again(lamps: list[str]) -> None:
    forget(lamps[5])
    confirm_all()
    assert replay_lost(our_mark(10), NOW) == 1
    assert enqueued() == {topic(lamps[5]): WITHDRAWN}


def test_a_lamp_that_came_back_is_no_orphan(lamps: list[str]) -> None:
    forget(lamps[5])
    batch = PresenceBatch()
    batch.add(lamps[5], True)
    batch.register(NOW)
    confirm_all()
    assert Tombstone.select().count() == 0
    assert replay_lost(our_mark(10), NOW) == 1
    assert b"false" in enqueued()[topic(lamps[5])]


@pytest.mark.parametrize("mark", [(2**53, []), (10, [(20, 2**53)])])
def test_an_impossible_mark_is_not_believed(mark: tuple[int, list[tuple[int, int]]]) -> None:
    assert replay_lost(our_mark(mark[0], *mark[1]), NOW) == 10
    assert outbox.last_version() == 20
    assert not outbox.broker_is_suspect()


def test_another_databases_mark_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    Replay(HighWaterMark("another database", 10), 10)
    assert "high-water mark is from another database" in caplog.text


@pytest.mark.parametrize("mark", [None, HighWaterMark("another database", 10)])
def test_everything_is_replayed_to_an_empty_broker(mark: HighWaterMark | None) -> None:
    assert replay_lost(mark, NOW) == 10
    assert len(enqueued()) == 10


@pytest.mark.parametrize("also", [[], [(20, 30), (4000, 5000)]])
def test_a_mark_ahead_of_us_means_that_this_is_an_older_copy(also: list[tuple[int, int]]) -> None:
    assert replay_lost(our_mark(10 if also else 5000, *also), NOW) == 10
    assert outbox.pending(after=0, limit=1)[0].version == 5001


def test_an_older_copy_stays_one_until_it_has_caught_up() -> None:
    Replay(our_mark(5000), 10).step(NOW)  # and then the daemon was killed
    assert Replay(our_mark(5000), 5010).suspect
    with write_transaction():
        outbox.suspect_broker(False)
    assert not Replay(our_mark(5000), 5010).suspect


def test_an_older_copy_is_noticed_though_it_registers_lamps_meanwhile(lamps: list[str]) -> None:
    newest_before = outbox.last_version()
    register_lamps([f"b827ebba04{number:02d}" for number in range(5)], NOW)
    assert replay_lost(our_mark(13), NOW, newest_before) == 15
    assert outbox.broker_is_suspect()


def test_an_older_copy_renumbers_lamps_that_it_registers_meanwhile(lamps: list[str]) -> None:
    """The broker that loses this connection, too, has a mark that would hide them."""
    newest_before = outbox.last_version()
    register_lamps(["b827ebba0400"], NOW)
    confirm_all()
    replay_lost(our_mark(5000), NOW, newest_before)
    assert Lampi.named("b827ebba0400").message_version > 5000


def test_an_older_copy_trusts_nothing_that_is_under_way_either(lamps: list[str]) -> None:
    """It was numbered by the copy: the mark that the broker has would hide it, should the broker lose it again."""
    Lampi.named(lamps[2]).publish_unassociated_msg()
    assert replay_lost(our_mark(5000), NOW) == 10
    assert min(enqueued_versions()) == 5001


def test_a_second_replay_changes_nothing(lamps: list[str]) -> None:
    assert [replay_lost(our_mark(8), NOW, 10), replay_lost(our_mark(8), NOW, 10)] == [2, 0]
    assert len(enqueued()) == 2


def test_old_tombstones_are_deleted(lamps: list[str]) -> None:
    forget(lamps[5])
    forget(lamps[6])
    Tombstone.update(forgotten_at=NOW - REMEMBERED_FOR - timedelta(seconds=1)).where(
        Tombstone.device_id == lamps[5]
    ).execute()
    replay_lost(our_mark(outbox.last_version()), NOW)
    assert [gone.device_id for gone in Tombstone.select()] == [lamps[6]]


def test_what_the_outbox_still_holds_and_what_came_later_is_left_alone(lamps: list[str]) -> None:
    Lampi.named(lamps[1]).publish_unassociated_msg()
    newest_before = outbox.last_version()
    Lampi.named(lamps[2]).publish_unassociated_msg()
    pending = outbox.pending(after=0, limit=10)
    assert replay_lost(our_mark(10), NOW, newest_before) == 0
    assert outbox.pending(after=0, limit=10) == pending
    confirm_all()
    assert replay_lost(our_mark(10), NOW, newest_before) == 1
    assert enqueued().keys() == {topic(lamps[1])}


def test_it_does_not_stop_at_what_the_outbox_still_holds(lamps: list[str]) -> None:
    for device_id in lamps[1:4]:
        Lampi.named(device_id).publish_unassociated_msg()
    pending = outbox.pending(after=0, limit=10)
    Lampi.named(lamps[4]).publish_unassociated_msg()
    outbox.remove([outbox.last_version()])
    replay = Replay(our_mark(10), outbox.last_version())
    replay.step(NOW, most=1)
    assert replay.replayed == 1
    assert outbox.pending(after=0, limit=3) == pending
    assert enqueued().keys() == {topic(device_id) for device_id in lamps[1:5]}


def step_by_step(replay: Replay, most: int) -> list[str]:
    """Run the replay to its end, and return the topics in the order of publication."""
    while not replay.done:
        before = len(enqueued_versions())
        replay.step(NOW, most)
        assert len(enqueued_versions()) - before <= 2 * most
    return [message.topic for message in outbox.pending(after=0, limit=10_000)]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("gone_first", [True, False])
def test_it_goes_step_by_step_through_lamps_and_forgotten_ones(
    lamps: list[str], ada: User, most: int, gone_first: bool
) -> None:
    """All of both, whichever table's batch ends earlier; and where one step is not enough, what came first first."""
    gone = [3, 5, 7, 8]
    others = [0, 1, 2, 4, 6, 9]
    for number in gone:
        forget(lamps[number])
    if gone_first:
        for number in others:
            Lampi.named(lamps[number]).publish_unassociated_msg()
    confirm_all()
    order = step_by_step(Replay(None, outbox.last_version()), most)
    assert sorted(order) == [topic(device_id) for device_id in lamps]
    first, then = (gone, others) if gone_first else (others, gone)
    if most < len(first):
        assert set(order[:most]) <= {topic(lamps[number]) for number in first}
        assert order[-1] == topic(lamps[then[-1]])


def test_each_step_replays_something_while_something_is_left(lamps: list[str]) -> None:
    Lampi.named(lamps[0]).publish_unassociated_msg()
    confirm_all()
    replay = Replay(our_mark(0, (1, 4), (10, 11)), outbox.last_version())  # of the first gap nothing is left
    replay.step(NOW, most=3)
    assert enqueued().keys() == {topic(device_id) for device_id in lamps[4:7]}


@pytest.mark.parametrize("later", [0, 3])
def test_all_lamps_that_share_a_version_are_replayed(lamps: list[str], later: int) -> None:
    """As those do that an upgrade found: which publication told each of them last had not been kept."""
    Lampi.update(message_version=10).execute()
    for device_id in lamps[:later]:
        Lampi.named(device_id).publish_unassociated_msg()
    confirm_all()
    newest = outbox.last_version()
    assert sorted(step_by_step(Replay(None, newest), 3)) == [topic(device_id) for device_id in lamps]


def test_of_lamps_that_share_a_version_only_that_is_left_out_which_is_pending(lamps: list[str]) -> None:
    Lampi.named(lamps[4]).publish_unassociated_msg()
    Lampi.update(message_version=11).execute()
    assert replay_lost(None, NOW) == 9
