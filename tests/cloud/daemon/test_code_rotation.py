"""Code rotation: expired codes are unknown, and are replaced on connected lamps."""

from datetime import timedelta

import peewee
import pytest

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.presence import PresenceBatch
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.errors import UnknownCode
from cloud.rate_limit.live_codes import live_codes
from cloud.rate_limit.policy import OFFLINE_TTL, CodePolicy, announce
from cloud.services.claim_terms import announced_terms
from cloud.services.claiming import associate_by_code, release
from cloud.services.lamps import payload_of
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from shared.protocol.payloads import Unassociated, decode_association
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


def test_an_expired_code_is_replaced_and_published() -> None:
    register("b827ebba0387")
    old = code_of("b827ebba0387")
    assert rotate_expired(TTL, LATER) == ["b827ebba0387"]
    assert code_of("b827ebba0387") != old
    (said, *_) = outbox.pending(after=1, limit=2)
    assert said.payload == payload_of(Lampi.named("b827ebba0387"), announced_terms())
    assert rotate_expired(TTL, LATER) == []


def test_a_live_code_stays() -> None:
    register("b827ebba0387")
    just_before = LATER - timedelta(microseconds=1)
    assert rotate_expired(TTL, just_before) == []


def test_the_old_code_is_dead_and_the_new_one_lives(ada: User) -> None:
    register("b827ebba0387")
    old = code_of("b827ebba0387")
    rotate_expired(TTL, LATER)
    with pytest.raises(UnknownCode):
        associate_by_code(old, ada, LATER)
    assert associate_by_code(code_of("b827ebba0387"), ada, LATER).user == ada


def test_a_code_expires_also_if_it_is_not_replaced(ada: User) -> None:
    register("b827ebba0387")
    with pytest.raises(UnknownCode):
        associate_by_code(code_of("b827ebba0387"), ada, LATER)


def shown_after(hours: float, *, offline: bool) -> str:
    """Run the rotation every quarter of an hour, and return the code that the lamp shows at the end."""
    if offline:
        register("b827ebba0387", up=False)
    for look in range(round(hours * 4) + 1):
        rotate_expired(TTL, NOW + look * TTL)
    return code_of("b827ebba0387")


@pytest.mark.parametrize("hours", [0.1, 0.25, 1, 23, 24, 25, 100])
def test_a_connected_lamp_that_the_broker_reports_offline_shows_a_valid_code(ada: User, hours: float) -> None:
    """A bridge may leave a `0` behind while it is up (eclipse-mosquitto#2097); its lamp gets every message."""
    register("b827ebba0387")
    shown = shown_after(hours, offline=True)
    assert associate_by_code(shown[:6], ada, NOW + timedelta(hours=hours)).user == ada


def test_the_code_on_the_screen_expires_while_its_lamp_is_offline(ada: User) -> None:
    register("b827ebba0387")
    seen = code_of("b827ebba0387")
    assert shown_after(0.25, offline=True) != seen
    with pytest.raises(UnknownCode):
        associate_by_code(seen, ada, LATER)


def test_an_offline_lamp_costs_one_message_a_day() -> None:
    register("b827ebba0387")
    before = outbox.last_version()
    shown_after(47, offline=True)
    assert outbox.last_version() - before == 2


def test_a_lamp_that_returns_gets_a_new_code_at_once_that_is_valid_as_long_as_others() -> None:
    register("b827ebba0387")
    shown = shown_after(5, offline=True)
    register("b827ebba0387")
    assert code_of("b827ebba0387") != shown
    (message,) = outbox.pending(after=0, limit=9)
    association = decode_association(message.payload)
    assert isinstance(association, Unassociated)
    assert (association.code, association.good_for) == (code_of("b827ebba0387"), TTL.total_seconds())


def test_where_codes_never_expire_a_lamp_that_returns_keeps_its_code(ada: User) -> None:
    """A stock screen ignores a new code while it shows one."""
    announce(CodePolicy(ttl=None))
    register("b827ebba0387")
    associate_by_code(code_of("b827ebba0387"), ada, NOW)
    register("b827ebba0387", up=False)
    release("b827ebba0387", NOW)
    shown = code_of("b827ebba0387")
    register("b827ebba0387")
    assert code_of("b827ebba0387") == shown


def test_a_lamp_that_was_offline_for_a_moment_keeps_its_code() -> None:
    register("b827ebba0387")
    shown = code_of("b827ebba0387")
    register("b827ebba0387", up=False)
    register("b827ebba0387")
    assert code_of("b827ebba0387") == shown


def test_thousands_that_return_get_new_codes() -> None:
    lamps = [f"{number:012x}" for number in range(2 * ROWS_A_STATEMENT + 1)]
    register(*lamps)
    register(*lamps, up=False)
    while rotate_expired(TTL, LATER):
        pass
    before = {lampi.device_id: lampi.association_code for lampi in Lampi.select()}
    register(*lamps)
    assert all(before[lampi.device_id] != lampi.association_code for lampi in Lampi.select())
    assert not Lampi.select().where(Lampi.code_issued_offline).exists()


def test_the_message_of_an_offline_lamp_says_how_long_its_code_is_valid() -> None:
    register("b827ebba0387")
    shown_after(1, offline=True)
    (message,) = outbox.pending(after=0, limit=9)
    association = decode_association(message.payload)
    assert isinstance(association, Unassociated)
    assert association.good_for == OFFLINE_TTL.total_seconds()


def test_offline_codes_are_counted_as_long_as_they_are_valid() -> None:
    register("b827ebba0387")
    shown_after(1, offline=True)
    assert live_codes(CodePolicy(ttl=TTL), NOW + timedelta(hours=20)) == {6: 1}


def test_a_released_lamp_that_is_offline_has_an_offline_code(ada: User) -> None:
    register("b827ebba0387")
    associate_by_code(code_of("b827ebba0387"), ada, NOW)
    register("b827ebba0387", up=False)
    release("b827ebba0387", NOW)
    assert rotate_expired(TTL, LATER) == []
    assert associate_by_code(code_of("b827ebba0387"), ada, LATER).user == ada


def test_a_long_time_to_live_holds_for_offline_lamps_too(ada: User) -> None:
    ttl = timedelta(days=3)
    announce(CodePolicy(ttl=ttl))
    register("b827ebba0387")
    register("b827ebba0387", up=False)
    assert rotate_expired(ttl, NOW + ttl) == ["b827ebba0387"]  # now it has a code that was issued while it was offline
    later = NOW + ttl + timedelta(days=2)
    assert rotate_expired(ttl, later) == []
    assert associate_by_code(code_of("b827ebba0387"), ada, later).user == ada


def test_codes_that_never_expire(ada: User) -> None:
    register("b827ebba0387")
    announce(CodePolicy(ttl=None))
    assert associate_by_code(code_of("b827ebba0387"), ada, NOW + timedelta(days=3650)).user == ada


def test_an_owners_lamp_is_left_alone(ada: User) -> None:
    register("b827ebba0387")
    associate_by_code(code_of("b827ebba0387"), ada, NOW)
    assert rotate_expired(timedelta(0), LATER) == []


def test_a_released_lamp_gets_a_new_code_and_lifetime(ada: User) -> None:
    register("b827ebba0387")
    associate_by_code(code_of("b827ebba0387"), ada, NOW)
    release("b827ebba0387", LATER)
    assert rotate_expired(TTL, LATER) == []


def test_thousands_go_in_batches() -> None:
    register(*(f"{number:012x}" for number in range(ROWS_A_STATEMENT + 100)))
    assert len(rotate_expired(TTL, LATER)) == ROWS_A_STATEMENT
    assert len(rotate_expired(TTL, LATER)) == 100
    assert rotate_expired(TTL, LATER) == []
