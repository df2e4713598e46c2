"""Healing a broker that forgot: as much is said again as was lost, and no more."""

from datetime import timedelta

import pytest

from cloud import outbox
from cloud.agreement.healing import REMEMBERED_FOR, tell_again, version_to_heal_from
from cloud.association import associate_by_code, forget
from cloud.daemon.presence import PresenceBatch
from cloud.database import write_transaction
from cloud.forgotten import Forgotten
from cloud.models import Lampi, User
from shared.payloads import HighWaterMark
from tests.cloud.conftest import NOW

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
    assert list(tell_again(10, outbox.last_version(), NOW)) == []
    assert told() == {}


def test_what_came_after_the_mark_is_told_again(lamps: list[str], ada: User) -> None:
    associate_by_code(Lampi.named(lamps[2]).association_code, ada, NOW)
    confirm_all()
    assert sum(tell_again(version_to_heal_from(our_mark(8)), outbox.last_version(), NOW)) == 3
    assert told().keys() == {topic(lamps[2]), topic(lamps[8]), topic(lamps[9])}
    assert told()[topic(lamps[2])] == b'{"associated": true}'


def test_ghosts_of_forgotten_lamps_are_cleared_again(lamps: list[str]) -> None:
    forget(lamps[5])
    confirm_all()
    assert sum(tell_again(10, outbox.last_version(), NOW)) == 1
    assert told() == {topic(lamps[5]): b""}


def test_a_lamp_that_came_back_is_no_ghost(lamps: list[str]) -> None:
    forget(lamps[5])
    batch = PresenceBatch()
    batch.add(lamps[5], True)
    batch.register(NOW)
    confirm_all()
    assert Forgotten.select().count() == 0
    assert sum(tell_again(10, outbox.last_version(), NOW)) == 1
    assert told()[topic(lamps[5])] != b""


def test_a_mark_that_nobody_can_have_reached_is_not_believed() -> None:
    assert version_to_heal_from(our_mark(2**53)) == 0
    assert outbox.last_version() == 10


def test_another_databases_mark_is_said(caplog: pytest.LogCaptureFixture) -> None:
    version_to_heal_from(HighWaterMark("another database", 10))
    assert "Another database's daemon spoke to this broker" in caplog.text


@pytest.mark.parametrize("mark", [None, HighWaterMark("another database", 10)])
def test_a_broker_that_knows_nothing_is_told_all(mark: HighWaterMark | None) -> None:
    assert sum(tell_again(version_to_heal_from(mark), outbox.last_version(), NOW)) == 10
    assert len(told()) == 10


def test_a_mark_ahead_of_us_means_that_this_is_an_older_copy(lamps: list[str]) -> None:
    assert version_to_heal_from(our_mark(5000)) == 0
    assert sum(tell_again(0, outbox.last_version(), NOW)) == 10
    assert outbox.pending(after=0, limit=1)[0].version == 5001


def test_an_older_copy_stays_one_until_it_has_caught_up(lamps: list[str]) -> None:
    version_to_heal_from(our_mark(5000))
    next(tell_again(0, outbox.last_version(), NOW))  # and then the daemon was killed
    assert version_to_heal_from(our_mark(5000)) == 0
    with write_transaction():
        outbox.suspect_broker(False)
    assert version_to_heal_from(our_mark(5000)) == 5000


def test_healing_twice_is_no_more_than_once(lamps: list[str]) -> None:
    for _ in range(2):
        list(tell_again(8, 10, NOW))
    assert len(told()) == 2


def test_who_was_forgotten_long_ago_is_forgotten_for_good(lamps: list[str]) -> None:
    forget(lamps[5])
    forget(lamps[6])
    Forgotten.update(forgotten_at=NOW - REMEMBERED_FOR - timedelta(seconds=1)).where(
        Forgotten.device_id == lamps[5]
    ).execute()
    list(tell_again(outbox.last_version(), outbox.last_version(), NOW))
    assert [gone.device_id for gone in Forgotten.select()] == [lamps[6]]


def test_what_the_outbox_still_holds_and_what_came_later_is_left_alone(lamps: list[str]) -> None:
    Lampi.named(lamps[1]).publish_unassociated_msg()
    newest_before = outbox.last_version()
    Lampi.named(lamps[2]).publish_unassociated_msg()
    pending = outbox.pending(after=0, limit=10)
    assert list(tell_again(10, newest_before, NOW)) == []
    assert outbox.pending(after=0, limit=10) == pending
    confirm_all()
    assert sum(tell_again(10, newest_before, NOW)) == 1
    assert told().keys() == {topic(lamps[1])}
