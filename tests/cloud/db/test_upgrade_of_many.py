"""Migrations of many lamps: the right result, in statements that grow with batches of lamps rather than with lamps."""

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from unittest.mock import patch

import peewee
import pytest
from playhouse.migrations import Runner

from cloud.db import bulk
from cloud.db.database import open_database
from cloud.db.name_skeletons import name_skeleton
from cloud.db.schema import MIGRATIONS, upgrade
from cloud.store import outbox
from cloud.store.lamps import DEFAULT_NAME, Lampi
from cloud.store.outbox import OutboxMessage
from shared.protocol import topics
from shared.protocol.payloads import Associated, Unassociated, decode_association
from tests.cloud.conftest import NOW
from tests.support.older_schema import OlderLampi

LAMPS = 20_000
NAMES = ("Kitchen", DEFAULT_NAME, ' "Küche" 💡 100 % \\ ', "  ", "x" * 200)
SHOWN = ("Kitchen", None, '"Küche" 💡 100 % \\', None, "x" * 100)
LAMPS_A_STATEMENT = 500
STATEMENTS_A_MIGRATION = 6
"""At most, on average: its own and the runner's, apart from those whose number depends on that of the lamps."""

OLD = "0010_broker_faults"

MOST_MEMORY_BYTES = 3_000_000
"""A list of all names takes more."""


def device_id(number: int) -> str:
    return f"{number:012x}"


def code(number: int) -> str:
    return f"{number:06x}".ljust(32, "0")


def topic(number: int) -> str:
    return topics.associated(topics.lamp_prefix(device_id(number)))


def owner(number: int) -> int | None:
    return None if number % 3 == 2 else 1


@pytest.fixture
def old(empty_database_url: str) -> Iterator[peewee.Database]:
    """Give a database from before 0011 with lamps of all kinds; two of them have a message that is pending."""
    database = open_database(empty_database_url, create=True)
    Runner(database, str(MIGRATIONS)).up(OLD)
    database.execute_sql("INSERT INTO lampi_user (name) VALUES ('ada')")
    waiting, owned = ([n for n in range(LAMPS) if (owner(n) is None) == is_waiting] for is_waiting in (True, False))
    columns = ("device_id", "name", "association_code", "message_version")
    for numbers, user in ((waiting, None), (owned, 1)):
        rows = ((device_id(number), NAMES[number % len(NAMES)], code(number), number + 1) for number in numbers)
        bulk.insert(OlderLampi, columns, rows, alike={"user": user})
    for number, payload in ((0, Associated()), (2, Unassociated(code(2)))):
        OutboxMessage.insert(
            topic=topic(number), payload=payload.encode().decode(), version=number + 1, enqueued_at=NOW
        ).execute()
    database.execute_sql(f"UPDATE outbox_sequence SET last_version = {database.param}", [LAMPS])  # noqa: S608 - a placeholder
    yield database
    database.close()


def test_each_named_lamp_is_republished_and_the_others_are_not(old: peewee.Database) -> None:
    upgrade(old)
    named = [n for n in range(LAMPS) if owner(n) is not None and SHOWN[n % len(NAMES)] is not None]
    versions = {number: LAMPS + place for place, number in enumerate(named, 1)}
    messages = {message.topic: message for message in OutboxMessage.select()}
    assert messages.keys() == {topic(number) for number in (*named, 2)}
    for number, version in versions.items():
        message = messages[topic(number)]
        assert message.version == version
        assert decode_association(message.payload.encode()) == Associated(SHOWN[number % len(NAMES)])
    assert messages[topic(2)].version == 3
    assert messages[topic(0)].enqueued_at == messages[topic(2)].enqueued_at == NOW
    assert messages[topic(named[-1])].enqueued_at > NOW
    stored = Lampi.select(Lampi.device_id, Lampi.name, Lampi.association_code, Lampi.message_version)
    assert set(stored.tuples()) == {
        (device_id(n), NAMES[n % len(NAMES)], code(n), versions.get(n, n + 1)) for n in range(LAMPS)
    }
    assert outbox.last_version() == LAMPS + len(named)


def test_codes_of_waiting_lamps_alone_are_indexed_and_stay_unique(old: peewee.Database) -> None:
    upgrade(old)
    indexes = {index.name: index for index in old.get_indexes("lampi")}
    assert "lampi_association_code" not in indexes
    assert indexes["lampi_short_code"].unique
    assert "associated_at" in indexes["lampi_user_id"].sql
    rows = [(device_id(LAMPS), code(0))]  # that of a lamp that has an owner
    bulk.insert(Lampi, ("device_id", "association_code"), rows)
    with pytest.raises(peewee.IntegrityError):
        bulk.insert(Lampi, ("device_id", "association_code"), [(device_id(LAMPS + 1), code(2))])


def test_statements_and_memory_stay_bounded(old: peewee.Database) -> None:
    executed = Counter[str]()
    execute = old.execute_sql

    def counted(sql: str, *given: object, **options: object) -> object:
        executed[sql.split(maxsplit=1)[0]] += 1
        return execute(sql, *given, **options)

    with patch.object(old, "execute_sql", counted):  # a mock would keep what it was called with
        name_skeleton("ada")  # loads a table, whose size is the same for any number of lamps
        tracemalloc.start()
        try:
            upgrade(old)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    reading_and_writing = 2 * LAMPS // LAMPS_A_STATEMENT
    applied = sum(OLD < migration.stem < "1" for migration in MIGRATIONS.glob("*.py"))
    assert executed.total() <= reading_and_writing + STATEMENTS_A_MIGRATION * applied
    assert peak_bytes < MOST_MEMORY_BYTES
