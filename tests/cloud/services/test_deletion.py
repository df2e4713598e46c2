"""Deleting lamps with a query, as a user of the shell may: each is deleted as with `delete_instance`."""

from collections.abc import Callable

import peewee
import pytest

from cloud.errors import UnsupportedDeletion
from cloud.services.claiming import associate_by_device_id
from cloud.services.lamps import register_lamps
from cloud.store import audit_log, outbox, webhook_queue
from cloud.store.audit_log import AuditEvent, Selection
from cloud.store.lamps import Lampi, User
from cloud.store.sources import SHELL
from cloud.store.tombstones import Tombstone
from cloud.store.webhook_queue import WebhookEvent
from tests.cloud.conftest import NOW
from tests.support.loop import WITHDRAWN
from tests.support.replay import confirm_all, enqueued, topic

LAMPS = ["b827ebba0387", "b827ebba0388", "b827ebba0389"]
FIRST, OWNED, OTHER = LAMPS


@pytest.fixture(autouse=True)
def lamps(database: peewee.Database, ada: User) -> None:
    webhook_queue.announce_receiver(exists=True)
    register_lamps(LAMPS, NOW)
    associate_by_device_id(OWNED, ada, NOW)
    confirm_all()


def test_each_selected_lamp_is_withdrawn_recorded_and_reported() -> None:
    assert Lampi.delete().where(Lampi.device_id.in_([FIRST, OWNED])).execute() == 2
    assert [lampi.device_id for lampi in Lampi.select()] == [OTHER]
    assert enqueued() == {topic(FIRST): WITHDRAWN, topic(OWNED): WITHDRAWN}
    assert sorted(Tombstone.among(LAMPS)) == [FIRST, OWNED]
    recorded = [row for row in audit_log.read(Selection()) if row.event == AuditEvent.FORGOTTEN]
    assert [(row.device_id, row.source) for row in recorded] == [(FIRST, SHELL), (OWNED, SHELL)]
    reported = [event.device_id for event in WebhookEvent.select() if "lamp.released" in event.body]
    assert reported == [OWNED]


def test_conditions_may_be_combined_and_refer_to_other_tables(ada: User) -> None:
    owners = User.select(User.id).where(User.name == ada.name)
    assert Lampi.delete().where(Lampi.user.in_(owners)).where(Lampi.connected).execute() == 1
    assert enqueued().keys() == {topic(OWNED)}


def test_without_a_condition_all_are_deleted() -> None:
    assert Lampi.delete().execute() == 3
    assert enqueued() == dict.fromkeys(map(topic, LAMPS), WITHDRAWN)


def test_by_id_and_again() -> None:
    assert Lampi.delete_by_id(FIRST) == 1
    assert Lampi.delete_by_id(FIRST) == 0
    assert enqueued() == {topic(FIRST): WITHDRAWN}


def test_more_lamps_than_a_statement_takes() -> None:
    register_lamps([f"b827ec{number:06x}" for number in range(1200)], NOW)
    confirm_all()
    assert Lampi.delete().execute() == 1203
    assert set(enqueued().values()) == {WITHDRAWN}
    assert len(enqueued()) == 1203


@pytest.mark.parametrize(
    "extended",
    [
        lambda query: query.returning(Lampi),
        lambda query: query.limit(1),
        lambda query: query.order_by(Lampi.device_id),
        lambda query: query.offset(1),
    ],
    ids=["returning", "limit", "order", "offset"],
)
def test_what_does_more_than_select_is_refused(extended: Callable[[peewee.ModelDelete], peewee.ModelDelete]) -> None:
    with pytest.raises(UnsupportedDeletion, match="delete_instance"):
        list(extended(Lampi.delete()).execute())
    assert Lampi.select().count() == 3
    assert enqueued() == {}


def test_a_deletion_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(outbox, "put", fail)
    with pytest.raises(ZeroDivisionError):
        Lampi.delete().execute()
    assert Lampi.select().count() == 3
    assert Tombstone.among(LAMPS) == []
