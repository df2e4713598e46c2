"""Healing a broker that forgot: as much is said again as was lost, and no more."""

from datetime import timedelta

import pytest

from cloud import outbox
from cloud.agreement.healing import REMEMBERED_FOR, Healing, SaidBefore, version_to_heal_from
from cloud.association import add_user, associate_by_code, forget
from cloud.daemon.presence import PresenceBatch
from cloud.database import write_transaction
from cloud.forgotten import Forgotten
from cloud.models import Lampi, User
from shared.payloads import HighWaterMark
from tests.cloud.conftest import NOW
from tests.support.healing import heal

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def lamps(database: object) -> list[str]:
    """Give ten lamps, of which the broker has confirmed all."""
    ids = [f"b827ebba03{number:02d}" for number in range(10)]
    for device_id in ids:
        batch = PresenceBatch()
        batch.add(device_id, True)
        batch.register(NOW)
    confirm_all()
    return ids


def confirm_all() -> None:
    outbox.remove([message.version for message in outbox.pending(after=0, limit=10_000)])


def told() -> dict[str, bytes]:
    return {message.topic: message.payload for message in outbox.pending(after=0, limit=10_000)}


def topic(device_id: str) -> str:
    return f"devices/{device_id}/lamp/associated"


def our_mark(version: int) -> HighWaterMark:
    return HighWaterMark(outbox.origin(), version)


def test_the_mark_goes_up_to_what_is_confirmed() -> None:
    assert outbox.confirmed_up_to() == outbox.last_version() == 10
    Lampi.named("b827ebba0303").publish_unassociated_msg()
    Lampi.named("b827ebba0304").publish_unassociated_msg()
    assert outbox.confirmed_up_to() == 10
    outbox.remove([12])
    assert outbox.confirmed_up_to() == 10
    outbox.remove([11])
    assert outbox.confirmed_up_to() == 12


def test_a_broker_that_has_all_is_told_nothing() -> None:
    assert version_to_heal_from(our_mark(10)) == 10
    assert heal(10, NOW) == 0
    assert told() == {}


def test_what_came_after_the_mark_is_told_again(lamps: list[str], ada: User) -> None:
    associate_by_code(Lampi.named(lamps[2]).association_code, ada, NOW)
    confirm_all()
    assert heal(version_to_heal_from(our_mark(8)), NOW) == 3
    assert told().keys() == {topic(lamps[2]), topic(lamps[8]), topic(lamps[9])}
    assert told()[topic(lamps[2])] == b'{"associated": true}'


def test_ghosts_of_forgotten_lamps_are_cleared_again(lamps: list[str]) -> None:
    forget(lamps[5])
    confirm_all()
    assert heal(10, NOW) == 1
    assert told() == {topic(lamps[5]): b""}


def test_a_lamp_that_came_back_is_no_ghost(lamps: list[str]) -> None:
    forget(lamps[5])
    batch = PresenceBatch()
    batch.add(lamps[5], True)
    batch.register(NOW)
    confirm_all()
    assert Forgotten.select().count() == 0
    assert heal(10, NOW) == 1
    assert told()[topic(lamps[5])] != b""


def test_a_mark_that_nobody_can_have_reached_is_not_believed() -> None:
    assert version_to_heal_from(our_mark(2**53)) == 0
    assert outbox.last_version() == 10


def test_another_databases_mark_is_said(caplog: pytest.LogCaptureFixture) -> None:
    version_to_heal_from(HighWaterMark("another database", 10))
    assert "Another database's daemon spoke to this broker" in caplog.text


@pytest.mark.parametrize("mark", [None, HighWaterMark("another database", 10)])
def test_a_broker_that_knows_nothing_is_told_all(mark: HighWaterMark | None) -> None:
    assert heal(version_to_heal_from(mark), NOW) == 10
    assert len(told()) == 10


def test_a_mark_ahead_of_us_means_that_this_is_an_older_copy(lamps: list[str]) -> None:
    assert version_to_heal_from(our_mark(5000)) == 0
    assert heal(0, NOW) == 10
    assert outbox.pending(after=0, limit=1)[0].version == 5001


def test_an_older_copy_stays_one_until_it_has_caught_up(lamps: list[str]) -> None:
    version_to_heal_from(our_mark(5000))
    Healing(0, SaidBefore.now()).step(NOW)  # and then the daemon was killed
    assert version_to_heal_from(our_mark(5000)) == 0
    with write_transaction():
        outbox.suspect_broker(False)
    assert version_to_heal_from(our_mark(5000)) == 5000


def test_healing_twice_is_no_more_than_once(lamps: list[str]) -> None:
    before = SaidBefore.now()
    assert [heal(8, NOW, before), heal(8, NOW, before)] == [2, 0]
    assert len(told()) == 2


def test_who_was_forgotten_long_ago_is_forgotten_for_good(lamps: list[str]) -> None:
    forget(lamps[5])
    forget(lamps[6])
    Forgotten.update(forgotten_at=NOW - REMEMBERED_FOR - timedelta(seconds=1)).where(
        Forgotten.device_id == lamps[5]
    ).execute()
    heal(outbox.last_version(), NOW)
    assert [gone.device_id for gone in Forgotten.select()] == [lamps[6]]


def test_what_the_outbox_still_holds_and_what_came_later_is_left_alone(lamps: list[str]) -> None:
    Lampi.named(lamps[1]).publish_unassociated_msg()
    before = SaidBefore.now()
    Lampi.named(lamps[2]).publish_unassociated_msg()
    pending = outbox.pending(after=0, limit=10)
    assert heal(10, NOW, before) == 0
    assert outbox.pending(after=0, limit=10) == pending


def test_what_was_pending_as_the_connection_came_up_and_is_confirmed_by_now_is_not_lost(lamps: list[str]) -> None:
    Lampi.named(lamps[1]).publish_unassociated_msg()
    before = SaidBefore.now()
    confirm_all()
    assert heal(9, NOW, before) == 1
    assert told().keys() == {topic(lamps[9])}


def test_it_does_not_stop_at_what_the_outbox_still_holds(lamps: list[str]) -> None:
    for device_id in lamps[1:4]:
        Lampi.named(device_id).publish_unassociated_msg()
    pending = outbox.pending(after=0, limit=10)
    Lampi.named(lamps[4]).publish_unassociated_msg()
    outbox.remove([outbox.last_version()])
    healing = Healing(10, SaidBefore.now())
    healing.step(NOW, most=1)
    assert healing.told == 1
    assert outbox.pending(after=0, limit=3) == pending
    assert told().keys() == {topic(device_id) for device_id in lamps[1:5]}


def versions_told() -> list[int]:
    return [message.version for message in outbox.pending(after=0, limit=10_000)]


def test_it_goes_step_by_step_through_lamps_and_forgotten_ones_in_the_order_in_which_it_was_said(
    lamps: list[str],
) -> None:
    for device_id in (lamps[3], lamps[5]):
        forget(device_id)
    associate_by_code(Lampi.named(lamps[1]).association_code, add_user("grace"), NOW)
    forget(lamps[7])
    confirm_all()
    healing = Healing(0, SaidBefore.now())
    in_order = [0, 2, 4, 6, 8, 9, 3, 5, 1, 7]
    seen: list[str] = []
    while not healing.done:
        healing.step(NOW, most=2)
        new = [message.topic for message in outbox.pending(after=0, limit=100)][len(seen) :]
        assert 0 < len(new) <= 4
        seen += new
    assert seen == [topic(lamps[number]) for number in in_order]
    assert healing.told == 10


def test_until_all_is_told_the_mark_is_what_is_confirmed_again(lamps: list[str]) -> None:
    healing = Healing(0, SaidBefore.now())
    assert healing.mark(outbox.confirmed_up_to()) == 0
    healing.step(NOW, most=4)
    assert versions_told() == [11, 12, 13, 14]
    assert healing.mark(outbox.confirmed_up_to()) == 0
    outbox.remove([11, 12, 13])
    assert healing.mark(outbox.confirmed_up_to()) == 0
    outbox.remove([14])
    assert healing.mark(outbox.confirmed_up_to()) == 4
    healing.step(NOW, most=4)
    confirm_all()
    assert healing.mark(outbox.confirmed_up_to()) == 8
    healing.step(NOW, most=4)
    assert healing.done
    assert healing.mark(outbox.confirmed_up_to()) == 18
    confirm_all()
    assert healing.mark(outbox.confirmed_up_to()) == 20


def test_what_is_pending_from_before_holds_the_mark_back(lamps: list[str]) -> None:
    with write_transaction():
        Lampi.tell([Lampi.named(lamps[2])])  # 11, and never confirmed
    Lampi.named(lamps[3]).publish_unassociated_msg()
    outbox.remove([12])
    healing = Healing(0, SaidBefore.now())
    for _ in range(20):
        healing.step(NOW, most=1)
        outbox.remove([version for version in versions_told() if version != 11])
        assert healing.mark(outbox.confirmed_up_to()) <= 10
    assert healing.done


def test_the_mark_is_never_ahead_of_what_is_confirmed() -> None:
    assert Healing(8, SaidBefore.now()).mark(confirmed=5) == 5


def test_one_that_is_broken_off_leaves_only_the_rest_to_the_next(lamps: list[str]) -> None:
    first = Healing(0, SaidBefore.now())
    first.step(NOW, most=6)
    confirm_all()
    mark = first.mark(outbox.confirmed_up_to())
    assert mark == 6
    second = Healing(mark, SaidBefore.now())
    second.step(NOW, most=4)
    assert told().keys() == {topic(device_id) for device_id in lamps[6:]}
