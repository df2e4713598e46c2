"""The number of live codes: kept by the database itself, whoever writes to the lamps."""

from collections import Counter
from datetime import timedelta

import peewee
import pytest

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.presence import PresenceBatch
from cloud.rate_limit.live_codes import LiveCodes, live_codes
from cloud.rate_limit.policy import OFFLINE_TTL, CodePolicy, announce
from cloud.services.claiming import associate_by_code, forget, release
from cloud.services.lamps import register_lamps
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW

pytestmark = pytest.mark.usefixtures("database")
EVER = CodePolicy(ttl=None)
TTL = timedelta(minutes=15)


def register(count: int) -> list[str]:
    batch = PresenceBatch()
    for number in range(count):
        batch.add(f"{number:012x}", True)
    return batch.register(NOW)


def as_the_lamps_say() -> Counter[int]:
    return Counter(lampi.short_code_length for lampi in Lampi.select().where(Lampi.user.is_null()))


def test_every_way_to_write_is_counted(ada: User) -> None:
    announce(CodePolicy(ttl=TTL))
    register(700)
    assert live_codes(EVER, NOW) == as_the_lamps_say()
    Lampi.create(device_id="b827ebba0387", short_code_length=11)
    associate_by_code(Lampi.named("000000000001").association_code, ada, NOW)
    Lampi.update(user=ada).where(Lampi.device_id.between("000000000002", "000000000009")).execute()
    forget("00000000000a")
    Lampi.delete().where(Lampi.device_id.between("00000000000b", "000000000020")).execute()
    assert live_codes(EVER, NOW) == as_the_lamps_say()
    release("000000000001", NOW + timedelta(hours=5))
    rotate_expired(timedelta(hours=5), NOW + timedelta(hours=5))
    assert live_codes(EVER, NOW) == as_the_lamps_say()
    Lampi.delete().execute()
    assert live_codes(EVER, NOW) == {}
    assert LiveCodes.select().count() == 0


def test_registering_again_counts_nothing_twice() -> None:
    register_lamps(["b827ebba0387"], NOW)
    register_lamps(["b827ebba0387", "b827ebba0388"], NOW)
    assert live_codes(EVER, NOW) == {6: 2}


def test_what_changes_no_code_changes_no_count() -> None:
    register(10)
    lampi = Lampi.named("000000000001")
    lampi.name = "Kitchen"
    lampi.save()
    Lampi.update(connected=False).execute()
    assert live_codes(EVER, NOW) == {6: 10}


def test_expired_codes_are_no_longer_live() -> None:
    """Never earlier than the codes of offline lamps expire, at most an hour later."""
    register(5)
    policy = CodePolicy(ttl=TTL)
    assert live_codes(policy, NOW + OFFLINE_TTL) == {6: 5}
    assert live_codes(policy, NOW + OFFLINE_TTL + timedelta(hours=1)) == {}
    assert live_codes(EVER, NOW + timedelta(days=3650)) == {6: 5}


def test_a_write_that_is_rolled_back_is_not_counted(database: peewee.Database) -> None:
    register(3)
    with database.atomic() as transaction:
        Lampi.create(device_id="b827ebba0387")
        Lampi.delete().where(Lampi.device_id == "000000000001").execute()
        transaction.rollback()
    assert live_codes(EVER, NOW) == {6: 3}
