"""Code rotation: expired codes are unknown, and are replaced on connected lamps."""

from datetime import timedelta

import peewee
import pytest

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.presence import PresenceBatch
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.errors import UnknownCode
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claim_terms import announced_terms
from cloud.services.claiming import associate_by_code, release
from cloud.services.lamps import association_of
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW

TTL = timedelta(seconds=900)
LATER = NOW + TTL


@pytest.fixture(autouse=True)
def policy(database: peewee.Database) -> None:
    announce(CodePolicy(ttl=TTL))


def register(*device_ids: str, up: bool = True) -> None:
    batch = PresenceBatch()
    for device_id in device_ids:
        batch.add(device_id, up)
    batch.register(NOW)


def code_of(device_id: str) -> str:
    return str(Lampi.named(device_id).association_code)


def test_a_lapsed_code_is_replaced_and_told() -> None:
    register("b827ebba0387")
    old = code_of("b827ebba0387")
    assert rotate_expired(LATER - TTL, LATER) == ["b827ebba0387"]
    assert code_of("b827ebba0387") != old
    (said, *_) = outbox.pending(after=1, limit=2)
    assert said.payload == association_of(Lampi.named("b827ebba0387"), announced_terms()).encode()
    assert rotate_expired(LATER - TTL, LATER) == []


def test_a_live_code_stays() -> None:
    register("b827ebba0387")
    just_before = LATER - timedelta(microseconds=1)
    assert rotate_expired(just_before - TTL, just_before) == []


def test_the_old_code_is_dead_and_the_new_one_lives(ada: User) -> None:
    register("b827ebba0387")
    old = code_of("b827ebba0387")
    rotate_expired(LATER - TTL, LATER)
    with pytest.raises(UnknownCode):
        associate_by_code(old, ada, LATER)
    assert associate_by_code(code_of("b827ebba0387"), ada, LATER).user == ada


def test_a_code_lapses_also_where_nobody_replaces_it(ada: User) -> None:
    register("b827ebba0387")
    register("b827ebba0387", up=False)
    assert rotate_expired(LATER - TTL, LATER) == []
    with pytest.raises(UnknownCode):
        associate_by_code(code_of("b827ebba0387"), ada, LATER)
    register("b827ebba0387")
    assert rotate_expired(LATER - TTL, LATER) == ["b827ebba0387"]


def test_codes_that_never_lapse(ada: User) -> None:
    register("b827ebba0387")
    announce(CodePolicy(ttl=None))
    assert associate_by_code(code_of("b827ebba0387"), ada, NOW + timedelta(days=3650)).user == ada


def test_an_owners_lamp_is_left_alone(ada: User) -> None:
    register("b827ebba0387")
    associate_by_code(code_of("b827ebba0387"), ada, NOW)
    assert rotate_expired(LATER, LATER) == []


def test_a_released_lamp_begins_anew(ada: User) -> None:
    register("b827ebba0387")
    associate_by_code(code_of("b827ebba0387"), ada, NOW)
    release("b827ebba0387", LATER)
    assert rotate_expired(LATER - TTL, LATER) == []


def test_thousands_go_in_batches() -> None:
    register(*(f"{number:012x}" for number in range(ROWS_A_STATEMENT + 100)))
    assert len(rotate_expired(LATER - TTL, LATER)) == ROWS_A_STATEMENT
    assert len(rotate_expired(LATER - TTL, LATER)) == 100
    assert rotate_expired(LATER - TTL, LATER) == []
