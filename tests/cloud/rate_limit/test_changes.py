"""The limit on a user's changes: what it counts, what it refuses, and that a refusal leaves nothing behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import peewee
import pytest

from cloud.daemon.presence import PresenceBatch
from cloud.db.database import connect_database, database_proxy, write_transaction
from cloud.db.timestamps import credible
from cloud.errors import TooManyChanges, UnknownCode
from cloud.rate_limit import changes
from cloud.rate_limit.changes import BURST, REFILL, ChangeBucket
from cloud.services.claiming import associate_by_code, associate_found, release, waiting_under
from cloud.services.identification import IDENTIFY_FOR, identify
from cloud.services.ownership import release_own, rename
from cloud.store import outbox
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.webhook_queue import WebhookEvent, announce_receiver
from tests.cloud.conftest import NOW
from tests.support.changes import use_up_changes

LAMP = "b827ebba0387"
HOME = "192.0.2.7"


@pytest.fixture
def lamp(database: peewee.Database) -> Lampi:
    """Give an unclaimed lamp, and a webhook."""
    register(LAMP)
    announce_receiver(True)
    return Lampi.named(LAMP)


def register(*device_ids: str) -> None:
    batch = PresenceBatch()
    for device_id in device_ids:
        batch.add(device_id, True)
    batch.register(NOW)


def code() -> str:
    return str(Lampi.named(LAMP).association_code)


def left(user: User) -> int:
    """Return how many changes a user may still make."""
    bucket: ChangeBucket | None = ChangeBucket.get_or_none(ChangeBucket.user == user)
    return BURST if bucket is None else BURST - round((bucket.full_at - NOW) / REFILL)


def written() -> tuple[int, int, int]:
    return History.select().count(), WebhookEvent.select().count(), outbox.last_version()


def test_each_change_counts_once_and_what_changes_nothing_does_not(lamp: Lampi, ada: User, bob: User) -> None:
    steps: list[tuple[Callable[[], object], int]] = [
        (lambda: waiting_under(code()[:6], ada, NOW, HOME), 0),
        (lambda: identify(LAMP, NOW, ada), 1),
        (lambda: identify(LAMP, NOW, ada), 0),
        (lambda: associate_by_code(code(), ada, NOW, HOME), 1),
        (lambda: rename(ada, LAMP, "Kitchen", NOW), 1),
        (lambda: rename(ada, LAMP, "Kitchen", NOW), 0),
        (lambda: release_own(ada, LAMP, NOW, HOME), 1),
        (lambda: associate_found(LAMP, code(), ada, NOW, HOME), 1),
    ]
    for step, count in steps:
        before = left(ada)
        step()
        assert before - left(ada) == count
    assert left(bob) == BURST


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_installer_of_200_lamps_never_waits(database: peewee.Database, ada: User) -> None:
    lamps = [f"b827ec{number:06x}" for number in range(200)]
    register(*lamps)
    with write_transaction():
        for device_id in lamps:
            identify(device_id, NOW, ada)
            associate_found(device_id, Lampi.named(device_id).association_code, ada, NOW, HOME)
            rename(ada, device_id, f"Room {device_id}", NOW)
    assert Lampi.select().where(Lampi.user == ada).count() == 200


def test_a_loop_is_stopped_and_writes_nothing_more(lamp: Lampi, ada: User) -> None:
    use_up_changes(ada, NOW, but=2)
    associate_by_code(code(), ada, NOW, HOME)
    release_own(ada, LAMP, NOW, HOME)
    before = written()
    for _ in range(20):
        with pytest.raises(TooManyChanges, match=r"^Too many changes. Try again in 1 minute.$") as refused:
            associate_by_code(code(), ada, NOW, HOME)
        assert refused.value.retry_after == REFILL
    assert written() == before
    associate_by_code(code(), ada, NOW + REFILL, HOME)
    with pytest.raises(TooManyChanges):
        release_own(ada, LAMP, NOW + REFILL, HOME)


@pytest.mark.parametrize(
    "act",
    [
        lambda user: associate_by_code(code()[:6], user, NOW, HOME),
        lambda user: associate_by_code("0" * 32, user, NOW, HOME),
        lambda user: associate_found(LAMP, code(), user, NOW, HOME),
        lambda user: waiting_under(code(), user, NOW, HOME),
        lambda user: identify(LAMP, NOW, user),
    ],
    ids=["associate", "associate with a wrong code", "confirm", "look up", "identify"],
)
def test_an_empty_bucket_refuses_without_the_lock(
    lamp: Lampi, ada: User, database_url: str, act: Callable[[User], object]
) -> None:
    use_up_changes(ada, NOW)
    before = written()
    other = connect_database(database_url, busy_seconds=0.1)
    with write_transaction(other), pytest.raises(TooManyChanges):
        act(ada)
    other.close()
    assert written() == before
    assert Lampi.named(LAMP).user_id is None


@pytest.mark.parametrize(
    "act",
    [lambda user: rename(user, LAMP, "Kitchen", NOW), lambda user: release_own(user, LAMP, NOW, HOME)],
    ids=["rename", "release"],
)
def test_an_owner_with_an_empty_bucket_changes_nothing(lamp: Lampi, ada: User, act: Callable[[User], object]) -> None:
    associate_by_code(code(), ada, NOW, HOME)
    use_up_changes(ada, NOW)
    before = written()
    with pytest.raises(TooManyChanges):
        act(ada)
    assert (written(), Lampi.named(LAMP).name, Lampi.named(LAMP).user) == (before, "My LAMPI", ada)


def test_operators_are_not_limited(lamp: Lampi, ada: User) -> None:
    use_up_changes(ada, NOW)
    identify(LAMP, NOW)
    associate_by_code(code(), ada, NOW, "command line (root)", by_operator=True)
    release(LAMP, NOW, "command line (root)")
    assert left(ada) == 0


def test_of_concurrent_changes_as_many_succeed_as_the_bucket_allows(database: peewee.Database, ada: User) -> None:
    lamps = [f"b827ec{number:06x}" for number in range(8)]
    register(*lamps)
    codes = {device_id: Lampi.named(device_id).association_code for device_id in lamps}
    use_up_changes(ada, NOW, but=3)
    together = Barrier(len(lamps))

    def take(device_id: str) -> bool:
        with database_proxy.connection_context():
            together.wait()
            try:
                associate_by_code(codes[device_id], ada, NOW, HOME)
            except TooManyChanges:
                return False
            return True

    with ThreadPoolExecutor(len(lamps)) as programs:
        assert sum(programs.map(take, lamps)) == 3
    assert Lampi.select().where(Lampi.user == ada).count() == 3
    assert History.select().where(History.event == "associated").count() == 3


def test_a_rival_who_comes_too_late_spends_nothing(lamp: Lampi, ada: User, bob: User) -> None:
    typed = code()
    associate_found(LAMP, typed, ada, NOW, HOME)
    with pytest.raises(UnknownCode):
        associate_found(LAMP, typed, bob, NOW, HOME)
    assert (left(ada), left(bob)) == (BURST - 1, BURST)


def test_a_bucket_of_a_wrong_clock_stops_no_one(lamp: Lampi, ada: User) -> None:
    ahead = credible(NOW) + BURST * REFILL
    use_up_changes(ada, ahead)
    changes.require_allowed(ada, NOW)
    associate_by_code(code(), ada, NOW, HOME)
    assert left(ada) == BURST - 1


def test_a_bucket_is_one_row_and_goes_with_its_user(lamp: Lampi, bob: User) -> None:
    for _ in range(3):
        associate_by_code(code(), bob, NOW, HOME)
        release_own(bob, LAMP, NOW, HOME)
    assert ChangeBucket.select().count() == 1
    bob.delete_instance()
    assert ChangeBucket.select().count() == 0


def test_a_screen_that_a_user_lit_up_can_light_up_again_later(lamp: Lampi, ada: User) -> None:
    use_up_changes(ada, NOW, but=1)
    identify(LAMP, NOW, ada)
    with pytest.raises(TooManyChanges):
        identify(LAMP, NOW + IDENTIFY_FOR, ada)
    assert Lampi.named(LAMP).identify_until == NOW + IDENTIFY_FOR
    identify(LAMP, NOW + timedelta(seconds=12), ada)
