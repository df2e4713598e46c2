"""The webhook's outbox: written with the change, in order for each lamp, and limited in time."""

import json
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.presence import PresenceBatch
from cloud.db.database import write_transaction
from cloud.errors import UnknownCode
from cloud.services.claiming import associate_by_code, associate_by_device_id, forget, release
from cloud.store import webhook_queue
from cloud.store.lamps import Lampi, User
from cloud.store.webhook_queue import (
    FIRST_PAUSE,
    GIVEN_UP_AFTER,
    LONGEST_PAUSE,
    WebhookEvent,
    announce_receiver,
    next_due,
)
from tests.cloud.conftest import NOW

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def lamps(database: object) -> None:
    """Give two unclaimed lamps, and a receiver."""
    batch = PresenceBatch()
    batch.add(LAMP, True)
    batch.add(OTHER, True)
    batch.register(NOW)
    announce_receiver(True)


def bodies() -> list[dict[str, object]]:
    return [json.loads(event.body) for event in WebhookEvent.select().order_by(WebhookEvent.id)]


def due(now: datetime) -> tuple[str, str] | None:
    event = next_due(now)
    return None if event is None else (event.device_id, json.loads(event.body)["type"])


def test_associations_and_releases_are_sent_without_a_code(ada: User) -> None:
    codes = [Lampi.named(LAMP).association_code]
    associate_by_code(codes[0], ada, NOW)
    release(LAMP, NOW + SECOND)
    codes.append(Lampi.named(LAMP).association_code)
    data = {"device_id": LAMP, "name": "My LAMPI", "user": "ada"}
    assert bodies() == [
        {"type": "lamp.associated", "timestamp": "2026-11-23T12:00:00.000Z", "data": data},
        {"type": "lamp.released", "timestamp": "2026-11-23T12:00:01.000Z", "data": data},
    ]
    assert not any(code[:6] in event.body for event in WebhookEvent.select() for code in codes)


def test_forgetting_a_lamp_is_sent_only_if_it_had_an_owner(ada: User) -> None:
    associate_by_device_id(LAMP, ada, NOW)
    WebhookEvent.delete().execute()
    forget(LAMP)
    forget(OTHER)
    (sent,) = bodies()
    assert (sent["type"], sent["data"]) == ("lamp.released", {"device_id": LAMP, "name": "My LAMPI", "user": "ada"})


def test_nothing_is_written_of_what_did_not_happen(ada: User) -> None:
    with pytest.raises(UnknownCode):
        associate_by_code("0" * 32, ada, NOW)
    rotate_expired(timedelta(0), NOW)
    with suppress(ZeroDivisionError), write_transaction():
        associate_by_device_id(LAMP, ada, NOW)
        raise ZeroDivisionError
    assert Lampi.named(LAMP).user_id is None
    assert bodies() == []


def test_nothing_is_written_without_a_receiver(ada: User) -> None:
    announce_receiver(False)
    associate_by_device_id(LAMP, ada, NOW)
    announce_receiver(True)
    release(LAMP, NOW)
    assert [body["type"] for body in bodies()] == ["lamp.released"]


def test_each_lamps_events_stay_in_order_and_hold_up_no_other_lamp(ada: User) -> None:
    associate_by_device_id(LAMP, ada, NOW)
    release(LAMP, NOW)
    associate_by_device_id(OTHER, ada, NOW)
    first = next_due(NOW)
    assert first is not None
    assert due(NOW) == (LAMP, "lamp.associated")
    webhook_queue.put_off(first, NOW)
    other = next_due(NOW)
    assert other is not None
    assert due(NOW) == (OTHER, "lamp.associated")
    webhook_queue.remove(other)
    assert due(NOW + FIRST_PAUSE - SECOND) is None
    assert due(NOW + FIRST_PAUSE) == (LAMP, "lamp.associated")
    webhook_queue.remove(first)
    assert due(NOW) == (LAMP, "lamp.released")


def test_pauses_grow_to_a_limit(ada: User) -> None:
    associate_by_device_id(LAMP, ada, NOW)
    pauses = []
    now = NOW
    for _ in range(30):
        event = next_due(now)
        assert event is not None
        webhook_queue.put_off(event, now)
        later: WebhookEvent = WebhookEvent.get()
        pauses.append(later.due_at - now)
        now = later.due_at
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == max(pauses) == LONGEST_PAUSE


def test_what_is_too_old_is_given_up(ada: User) -> None:
    associate_by_device_id(LAMP, ada, NOW)
    release(LAMP, NOW + SECOND)
    assert webhook_queue.give_up(NOW + GIVEN_UP_AFTER) == 0
    assert webhook_queue.give_up(NOW + GIVEN_UP_AFTER + SECOND) == 1
    assert due(NOW + SECOND) == (LAMP, "lamp.released")


def test_a_sender_that_was_paused_takes_away_nothing_new(ada: User) -> None:
    associate_by_device_id(LAMP, ada, NOW)
    paused = next_due(NOW)
    assert paused is not None
    webhook_queue.remove(paused)
    release(LAMP, NOW)
    webhook_queue.remove(paused)
    webhook_queue.put_off(paused, NOW)
    assert due(NOW) == (LAMP, "lamp.released")
