"""Statements over many rows: what goes in comes out as it was, on both databases."""

import peewee
import pytest

from cloud.db import bulk
from cloud.store import outbox
from cloud.store.lamps import DEFAULT_NAME, Lampi
from cloud.store.outbox import OutboxMessage, Pending
from tests.cloud.conftest import NOW
from tests.support.loop import WITHDRAWN

AWKWARD = [
    "", " ", '"', "\\", '\\"', "'", "{}", "{a,b}", "a,b", "NULL", "null", "%s", "?", "$1", "\n\t", "ä€😀", "\\u0041",
]  # fmt: skip

MANY = 2 * bulk.ROWS_A_STATEMENT + 1


@pytest.mark.usefixtures("database")
def test_what_is_inserted_is_found_again_as_it_was() -> None:
    outbox.put([Pending(number, f"a/{value}", value.encode()) for number, value in enumerate(AWKWARD)])
    read = [value.encode() or WITHDRAWN for value in AWKWARD]
    assert [message.payload for message in outbox.pending(-1, 100)] == read
    found = bulk.rows_among(
        "SELECT topic, payload FROM outbox_message WHERE topic {}", [f"a/{value}" for value in AWKWARD]
    )
    assert sorted(found) == sorted((f"a/{value}", value) for value in AWKWARD)


@pytest.mark.usefixtures("database")
def test_the_latest_for_a_topic_wins() -> None:
    outbox.put([Pending(1, "a", b"old"), Pending(2, "b", b"other")])
    outbox.put([Pending(3, "a", b"new")])
    assert outbox.pending(0, 10) == [Pending(2, "b", b"other"), Pending(3, "a", b"new")]


@pytest.mark.usefixtures("database")
def test_more_rows_than_a_statement_takes() -> None:
    outbox.put([Pending(number, f"a/{number}", b"x") for number in range(MANY)])
    bulk.change_among("DELETE FROM outbox_message WHERE version {}", range(1, MANY - 1))
    assert [message.version for message in outbox.pending(-1, 10)] == [0, MANY - 1]


@pytest.mark.usefixtures("database")
def test_columns_that_are_not_given_are_alike_or_have_their_defaults() -> None:
    bulk.insert(
        Lampi, ("device_id", "message_version"), [("b827ebba0387", 7)], alike={"connected": True, "created_at": NOW}
    )
    lampi = Lampi.named("b827ebba0387")
    assert (lampi.message_version, lampi.connected, lampi.created_at) == (7, True, NOW)
    assert (lampi.name, lampi.user_id, lampi.associated_at) == (DEFAULT_NAME, None, None)


@pytest.mark.usefixtures("database")
def test_rows_get_values_of_their_own_and_the_others_keep_theirs() -> None:
    outbox.put([Pending(number, f"a/{number}", b"old") for number in range(MANY)])
    bulk.update(OutboxMessage, ["payload"], [(f"a/{number}", f"{number} {AWKWARD[3]}") for number in range(1, MANY)])
    payloads = [message.payload.decode() for message in outbox.pending(-1, MANY)]
    assert payloads == ["old", *(f"{number} {AWKWARD[3]}" for number in range(1, MANY))]


@pytest.mark.usefixtures("database")
def test_several_columns_change_together_and_some_alike() -> None:
    lamps = [(f"{number:012x}", f"{number:032x}") for number in range(MANY)]
    bulk.insert(Lampi, ("device_id", "association_code", "short_code_length"), [(*lamp, 32) for lamp in lamps])
    rows = [(device_id, code[::-1], 6 + number % 2, bool(number % 3)) for number, (device_id, code) in enumerate(lamps)]
    columns = ["association_code", "short_code_length", "code_issued_offline"]
    bulk.update(Lampi, columns, rows[1:], alike={"code_issued_at": NOW, "identify_until": None})
    first, *others = Lampi.select().order_by(Lampi.device_id)
    assert (first.association_code, first.short_code_length) == (lamps[0][1], 32)
    found = [tuple(getattr(each, name) for name in ("device_id", *columns)) for each in others]
    assert found == rows[1:]
    assert {each.code_issued_at for each in others} == {NOW}


def test_nothing_to_insert_asks_the_database_nothing(database: peewee.Database) -> None:
    database.close()
    bulk.insert(OutboxMessage, ("topic", "payload", "version"), [])
    bulk.update(OutboxMessage, ["payload"], [])
    assert list(bulk.rows_among("SELECT topic FROM outbox_message WHERE topic {}", [])) == []
    assert database.is_closed()
