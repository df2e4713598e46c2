"""The high-water mark: what it covers, also during a replay."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.db.database import write_transaction
from cloud.reconciliation.replay import MOST_RANGES, Replay, rest
from cloud.store import outbox
from cloud.store.lamps import Lampi
from tests.cloud.conftest import NOW
from tests.support.replay import confirm_all, enqueued, enqueued_versions, our_mark, topic

pytestmark = pytest.mark.usefixtures("database")


def test_the_mark_goes_up_to_what_is_confirmed() -> None:
    assert outbox.confirmed_up_to() == outbox.last_version() == 10
    Lampi.named("b827ebba0303").publish_unassociated_msg()
    Lampi.named("b827ebba0304").publish_unassociated_msg()
    assert outbox.confirmed_up_to() == 10
    outbox.remove([12])
    assert outbox.confirmed_up_to() == 10
    outbox.remove([11])
    assert outbox.confirmed_up_to() == 12


def test_until_the_replay_ends_the_mark_leaves_out_what_is_missing(lamps: list[str]) -> None:
    replay = Replay(our_mark(2), outbox.last_version())
    assert replay.mark(outbox.confirmed_up_to()) == our_mark(2)
    replay.step(NOW, most=4)
    assert enqueued_versions() == [11, 12, 13, 14]
    assert replay.mark(outbox.confirmed_up_to()) == our_mark(5)  # the sixth was told, but others might share it
    outbox.remove([11, 12])
    assert replay.mark(outbox.confirmed_up_to()) == our_mark(5, (10, 12))
    replay.step(NOW, most=5)
    assert replay.done
    assert replay.mark(outbox.confirmed_up_to()) == our_mark(12)
    confirm_all()
    assert replay.mark(outbox.confirmed_up_to()) == our_mark(18)


def test_the_mark_is_never_ahead_of_what_is_confirmed() -> None:
    assert Replay(our_mark(8), 10).mark(confirmed=5) == our_mark(5)


def test_one_that_is_broken_off_leaves_only_the_rest_to_the_next(lamps: list[str]) -> None:
    enqueued_by_each = []
    mark = our_mark(0)
    for most in (4, 3, 100):
        replay = Replay(mark, outbox.last_version())
        replay.step(NOW, most)
        enqueued_by_each += [enqueued().keys()]
        confirm_all()
        mark = replay.mark(outbox.confirmed_up_to())
    assert enqueued_by_each == [{topic(device_id) for device_id in some} for some in (lamps[:4], lamps[4:7], lamps[7:])]
    assert mark == our_mark(outbox.last_version())


def test_a_mark_with_many_gaps_is_kept_short_and_covers_no_more() -> None:
    gaps = [(100 * number, 100 * number + number) for number in range(1, 40)]
    with write_transaction():
        outbox.skip_to(5000)
    mark = Replay(our_mark(1, *gaps), 5000).mark(confirmed=5000)
    assert mark == our_mark(1, *gaps[-MOST_RANGES:])
    alike = [(100 * number, 100 * number + 1) for number in range(1, 40)]
    assert Replay(our_mark(1, *alike), 5000).mark(confirmed=5000).also[-1] == alike[-1]


RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


def versions_in(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {version for after, up_to in ranges for version in range(after + 1, up_to + 1)}


@given(RANGES, st.integers(0, 30))
def test_the_rest_is_what_no_range_has(ranges: list[tuple[int, int]], top: int) -> None:
    left = rest(ranges, top)
    assert versions_in(left) == set(range(1, top + 1)) - versions_in(ranges)
    assert all(after < up_to for after, up_to in left)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(left))
