"""Identification: the database's state meanwhile, and what is published to the lamp."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import peewee
import pytest

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.maintenance import CHECK_SECONDS, Maintenance
from cloud.daemon.presence import PresenceBatch
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import connect_database, database_proxy, write_transaction
from cloud.db.timestamps import CLOCK_SLACK
from cloud.errors import AlreadyAssociated, UnknownLamp
from cloud.services.claim_terms import announced_terms
from cloud.services.claiming import associate_by_code, release
from cloud.services.identification import IDENTIFY_FOR, end_identifying, identify
from cloud.services.lamps import association_of
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from shared.protocol.payloads import Associated, Association, Unassociated, decode_association
from tests.cloud.conftest import NOW
from tests.support.replay import replay_lost

LAMP = "b827ebba0387"
END = NOW + IDENTIFY_FOR
SHOWN_END = "2026-11-23T12:00:10.000Z"
SECOND = timedelta(seconds=1)


@pytest.fixture
def lamp(database: peewee.Database) -> Lampi:
    register(LAMP)
    return Lampi.named(LAMP)


def register(*device_ids: str) -> None:
    batch = PresenceBatch()
    for device_id in device_ids:
        batch.add(device_id, True)
    batch.register(NOW)


def enqueued() -> Association | None:
    """Return the lamp's pending message, which must match the database."""
    (message,) = [message for message in outbox.pending(after=0, limit=10_000) if LAMP in message.topic]
    said = decode_association(message.payload)
    assert said == association_of(Lampi.named(LAMP), announced_terms())
    return said


def test_the_member_comes_and_goes(lamp: Lampi) -> None:
    identify(LAMP, NOW)
    assert enqueued() == Unassociated(lamp.association_code, identify=SHOWN_END)
    assert end_identifying(END - timedelta(microseconds=1)) == []
    assert end_identifying(END) == [LAMP]
    assert enqueued() == Unassociated(lamp.association_code)
    assert end_identifying(END) == []


def test_a_flood_of_requests_publishes_nothing_more(lamp: Lampi) -> None:
    identify(LAMP, NOW)
    said = outbox.last_version()
    for tenth in range(100):
        identify(LAMP, NOW + SECOND * tenth / 10)
    assert outbox.last_version() == said
    identify(LAMP, END)
    assert outbox.last_version() == said + 1
    assert enqueued() == Unassociated(lamp.association_code, identify="2026-11-23T12:00:20.000Z")


def test_of_many_concurrent_requests_one_counts(lamp: Lampi) -> None:
    said = outbox.last_version()
    together = Barrier(8)

    def ask(_number: int) -> None:
        with database_proxy.connection_context():
            together.wait()
            identify(LAMP, NOW)

    with ThreadPoolExecutor(8) as people:
        list(people.map(ask, range(8)))
    assert outbox.last_version() == said + 1


def test_asking_again_needs_no_lock(lamp: Lampi, database_url: str) -> None:
    identify(LAMP, NOW)
    other = connect_database(database_url)
    with write_transaction(other):
        began = time.monotonic()
        identify(LAMP, NOW + SECOND)
        assert time.monotonic() - began < 1
    other.close()


def test_only_an_unclaimed_lamp_shows_it(ada: User, lamp: Lampi) -> None:
    with pytest.raises(UnknownLamp):
        identify("b827ebba0388", NOW)
    identify(LAMP, NOW)
    associate_by_code(lamp.association_code, ada, NOW)
    assert enqueued() == Associated()
    with pytest.raises(AlreadyAssociated):
        identify(LAMP, NOW + SECOND)
    assert end_identifying(END) == []
    release(LAMP, NOW + SECOND)
    assert enqueued() == Unassociated(Lampi.named(LAMP).association_code)


def test_a_new_code_meanwhile_keeps_it(lamp: Lampi) -> None:
    identify(LAMP, NOW)
    assert rotate_expired(SECOND, NOW + SECOND) == [LAMP]
    said = enqueued()
    assert isinstance(said, Unassociated)
    assert (said.identify, said.code == lamp.association_code) == (SHOWN_END, False)


def test_a_broker_that_lost_its_store_gets_the_current_state(lamp: Lampi) -> None:
    identify(LAMP, NOW)
    outbox.remove([message.version for message in outbox.pending(after=0, limit=10)])
    assert replay_lost(None, NOW) == 1
    assert enqueued() == Unassociated(lamp.association_code, identify=SHOWN_END)


def test_what_a_wrong_clock_wrote_ends_at_once_and_does_not_bar_the_way(lamp: Lampi) -> None:
    ahead = NOW + CLOCK_SLACK + SECOND
    identify(LAMP, ahead)
    assert end_identifying(NOW) == [LAMP]
    identify(LAMP, ahead)
    identify(LAMP, NOW)
    assert enqueued() == Unassociated(lamp.association_code, identify=SHOWN_END)


def test_thousands_end_in_batches_and_without_a_pause(lamp: Lampi) -> None:
    lamps = [f"{number:012x}" for number in range(ROWS_A_STATEMENT + 100)]
    register(*lamps)
    Lampi.update(identify_until=END).execute()
    upkeep = Maintenance()
    upkeep.step(END, 0.0)
    upkeep.step(END, 0.0)
    assert not Lampi.select().where(Lampi.identify_until.is_null(False)).exists()
    upkeep.step(END, 0.0)
    identify(LAMP, END)
    upkeep.step(END + IDENTIFY_FOR, CHECK_SECONDS / 2)
    assert Lampi.named(LAMP).identify_until is not None
    upkeep.step(END + IDENTIFY_FOR, CHECK_SECONDS)
    assert Lampi.named(LAMP).identify_until is None


def test_looking_for_what_is_over_reads_only_lamps_that_were_asked(sqlite_database: peewee.Database) -> None:
    statement, parameters = Lampi.select().where((Lampi.identify_until <= NOW) | (Lampi.identify_until > END)).sql()
    plan = sqlite_database.execute_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    assert not any("SCAN" in row[3] for row in plan), plan
