"""A lamp's name on its own screen: what is published of it, and when."""

import json
from datetime import timedelta

import peewee
import pytest
from playhouse.migrations import Runner

from cloud.db.schema import MIGRATIONS, upgrade
from cloud.rate_limit import policy
from cloud.rate_limit.policy import CodePolicy
from cloud.services.claim_terms import ClaimTerms
from cloud.services.claiming import associate_by_code, associate_by_device_id, release
from cloud.services.lamps import payload_of, register_lamps
from cloud.services.ownership import page_of, rename
from cloud.store import outbox
from cloud.store.lamps import DEFAULT_NAME, Lampi, User
from shared.protocol.payloads import Associated, decode_association
from tests.cloud.conftest import NOW
from tests.support.older_schema import OlderLampi
from tests.support.replay import replay_lost

LAMP = "b827ebba0387"


@pytest.fixture
def lampi(database: peewee.Database, ada: User) -> Lampi:
    Lampi.create(device_id=LAMP)
    associate_by_device_id(LAMP, ada, NOW)
    return Lampi.named(LAMP)


def enqueued() -> object:
    (message,) = outbox.pending(after=0, limit=10)
    return decode_association(message.payload)


def test_a_rename_is_published_and_the_same_name_again_is_not(lampi: Lampi, ada: User) -> None:
    assert enqueued() == Associated()
    rename(ada, LAMP, "  Küche 💡 ", NOW)
    assert enqueued() == Associated("Küche 💡")
    version = outbox.last_version()
    rename(ada, LAMP, "Küche 💡", NOW)
    assert outbox.last_version() == version
    rename(ada, LAMP, DEFAULT_NAME, NOW)
    assert enqueued() == Associated()


def test_what_the_rename_says_and_what_it_writes_are_one_transaction(lampi: Lampi, ada: User) -> None:
    rename(ada, LAMP, "Kitchen", NOW)
    stored = lampi.reread()
    (message,) = outbox.pending(after=0, limit=10)
    assert (stored.name, stored.message_version) == ("Kitchen", message.version)


def test_the_name_is_replayed_to_a_broker_that_lost_its_store(lampi: Lampi, ada: User) -> None:
    rename(ada, LAMP, "Kitchen", NOW)
    outbox.remove([message.version for message in outbox.pending(after=0, limit=10)])
    assert replay_lost(None, NOW) == 1
    assert enqueued() == Associated("Kitchen")


def test_the_next_owner_does_not_get_the_last_ones_name(lampi: Lampi, ada: User, bob: User) -> None:
    rename(ada, LAMP, "Ada's bedroom", NOW)
    release(LAMP, NOW)
    associate_by_code(Lampi.named(LAMP).association_code, bob, NOW)
    assert enqueued() == Associated()


@pytest.mark.parametrize(
    ("name", "shown"), [("x" * 200, "x" * 100), ("   ", None), ("\n", None), ("a\nb", "a\nb"), (DEFAULT_NAME, None)]
)
def test_a_name_that_was_set_past_the_rules_never_makes_a_message_that_readers_refuse(
    lampi: Lampi, name: str, shown: str | None
) -> None:
    lampi.name = name
    assert decode_association(payload_of(lampi, ClaimTerms())) == Associated(shown)


def test_an_upgrade_publishes_earlier_names(empty_database_url: str) -> None:
    from cloud.db.database import open_database  # noqa: PLC0415

    database = open_database(empty_database_url, create=True)
    Runner(database, str(MIGRATIONS)).up("0009_history_stays")
    database.execute_sql("INSERT INTO lampi_user (name) VALUES ('ada')")
    for device_id, name, owner in (("0" * 12, "Kitchen", 1), ("1" * 12, DEFAULT_NAME, 1), ("2" * 12, "Attic", None)):
        OlderLampi.insert(
            device_id=device_id, name=name, user=owner, message_version=7, association_code=device_id + "0" * 20
        ).execute()
    database.execute_sql("UPDATE outbox_sequence SET last_version = 7")
    upgrade(database)
    (message,) = outbox.pending(after=0, limit=10)
    assert (message.version, message.topic) == (8, f"devices/{'0' * 12}/lamp/associated")
    assert json.loads(message.payload) == {"associated": True, "name": "Kitchen"}
    assert outbox.last_version() == Lampi.named("0" * 12).message_version == 8
    database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_names_are_in_an_order_that_people_know(database: peewee.Database, ada: User) -> None:
    names = ["zebra", "Ärmel", "apfel", "Öl", "Zoo", "Éclair", "arm", "Äpfel"]
    for number, name in enumerate(names):
        Lampi.create(device_id=f"{number:012x}", name=name, user=ada)
    lamps, _more = page_of(ada, 1, 10)
    assert [lampi.name for lampi in lamps] == ["apfel", "Äpfel", "arm", "Ärmel", "Éclair", "Öl", "zebra", "Zoo"]


@pytest.mark.parametrize(("ttl", "good_for"), [(timedelta(minutes=15), 900), (None, None)])
def test_the_code_lifetime_is_published_to_unclaimed_lamps(
    database: peewee.Database, ttl: timedelta | None, good_for: int | None
) -> None:
    policy.announce(CodePolicy(ttl=ttl))
    register_lamps([LAMP], NOW)
    (first,) = outbox.pending(after=0, limit=10)
    assert json.loads(first.payload).get("good_for") == good_for
    Lampi.named(LAMP).publish_unassociated_msg()
    (again,) = outbox.pending(after=0, limit=10)
    assert again.payload == first.payload
