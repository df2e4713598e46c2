"""The webhook's outbox: written with the change, in order for each lamp, and limited in time."""

import json
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from playhouse.migrations import Runner

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.presence import PresenceBatch
from cloud.db.database import open_database, write_transaction
from cloud.db.schema import MIGRATIONS, upgrade
from cloud.errors import UnknownCode
from cloud.services.claiming import add_user, associate_by_code, associate_by_device_id, forget, release
from cloud.store import webhook_queue
from cloud.store.lamps import Lampi, User
from cloud.store.webhook_queue import (
    FIRST_PAUSE,
    GIVEN_UP_AFTER,
    LONGEST_PAUSE,
    ROWS_A_STEP,
    Kind,
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


def test_giving_up_is_done_in_steps_and_the_next_event_of_each_lamp_follows(ada: User) -> None:
    add_events(ada, 150, NOW)
    associate_by_device_id(LAMP, ada, NOW)
    release(LAMP, NOW + GIVEN_UP_AFTER)
    assert due(NOW) is not None
    later = NOW + GIVEN_UP_AFTER + SECOND
    assert [webhook_queue.give_up(later) for _ in range(3)] == [ROWS_A_STEP, 151 - ROWS_A_STEP, 0]
    assert due(later) == (LAMP, "lamp.released")


def add_events(user: User, lamps: int, now: datetime) -> None:
    """Add an event for each of many lamps of a user."""
    with write_transaction():
        for number in range(lamps):
            webhook_queue.write(Kind.ASSOCIATED, f"{user.id:06x}{number:06x}", "My LAMPI", user.name, now)


def serve(now: datetime, count: int, *, accepted: bool = True) -> list[str]:
    """Send up to so many events, and return whose they were."""
    served: list[str] = []
    while len(served) < count and (event := next_due(now)) is not None:
        served.append(event.user_name)
        webhook_queue.remove(event) if accepted else webhook_queue.put_off(event, now)
    return served


def test_a_backlog_delays_no_other_user(ada: User, bob: User) -> None:
    add_events(ada, 300, NOW)
    assert serve(NOW, 50) == ["ada"] * 50
    add_events(bob, 3, NOW + SECOND)
    assert serve(NOW + SECOND, 8) == ["ada", "ada", "bob", "ada", "bob", "ada", "bob", "ada"]
    assert serve(NOW + SECOND, 300) == ["ada"] * 245


def test_a_user_who_adds_events_all_the_time_keeps_no_one_waiting(ada: User, bob: User) -> None:
    add_events(bob, 1, NOW)
    served: list[str] = []
    for number in range(10):
        add_events(ada, 3, NOW - SECOND * number)
        served += serve(NOW, 2)
    assert "bob" in served[:2]


@pytest.mark.parametrize("others", [1, 20])
def test_each_user_has_a_turn_before_anyone_has_a_third(ada: User, others: int) -> None:
    users = [add_user(f"user {number}", NOW) for number in range(others)]
    add_events(ada, 100, NOW)
    for user in users:
        add_events(user, 2, NOW)
    served = serve(NOW, 2 * others + 4)
    assert {served.count(user.name) for user in users} == {2}


def test_a_lamp_in_a_loop_waits_its_turn_too(ada: User, bob: User) -> None:
    for _ in range(30):
        associate_by_device_id(LAMP, ada, NOW)
        release(LAMP, NOW)
    add_events(bob, 5, NOW)
    assert serve(NOW, 12).count("bob") == 5


def test_a_backlog_that_was_rejected_delays_no_other_user_either(ada: User, bob: User) -> None:
    add_events(ada, 250, NOW)
    assert serve(NOW, 1000, accepted=False) == ["ada"] * 250
    add_events(bob, 2, NOW)
    assert serve(NOW, 1000, accepted=False) == ["bob", "bob"]
    add_events(bob, 1, NOW + FIRST_PAUSE)
    steps = -(-252 // ROWS_A_STEP)
    assert serve(NOW + FIRST_PAUSE, 2 * steps + 6).count("bob") == 3


def test_an_event_of_a_new_owner_waits_for_the_former_owners(ada: User, bob: User) -> None:
    associate_by_device_id(LAMP, ada, NOW)
    release(LAMP, NOW)
    associate_by_device_id(LAMP, bob, NOW)
    add_events(bob, 3, NOW)
    lamps = []
    while (event := next_due(NOW)) is not None:
        lamps += [json.loads(event.body)] if event.device_id == LAMP else []
        webhook_queue.remove(event)
    assert [(body["data"]["user"], body["type"]) for body in lamps] == [
        ("ada", "lamp.associated"),
        ("ada", "lamp.released"),
        ("bob", "lamp.associated"),
    ]


def test_events_from_before_the_upgrade_are_sent_in_order(empty_database_url: str) -> None:
    database = open_database(empty_database_url, create=True)
    Runner(database, str(MIGRATIONS)).up("0016_sessions")
    for number, device_id in enumerate([LAMP, LAMP, OTHER]):
        database.execute_sql(
            "INSERT INTO webhook_event (message_id, device_id, body, happened_at, due_at, attempts)"
            " VALUES (?, ?, '{}', '2026-11-23 12:00:00', '2026-11-23 12:00:00', 0)".replace("?", database.param),
            (f"msg_{number}", device_id),
        )
    upgrade(database)
    sent = []
    while (event := next_due(NOW)) is not None:
        sent.append(event.message_id)
        webhook_queue.remove(event)
    assert sorted(sent) == ["msg_0", "msg_1", "msg_2"]
    assert sent.index("msg_0") < sent.index("msg_1")
    database.close()


def test_a_sender_that_was_paused_takes_away_nothing_new(ada: User) -> None:
    associate_by_device_id(LAMP, ada, NOW)
    paused = next_due(NOW)
    assert paused is not None
    webhook_queue.remove(paused)
    release(LAMP, NOW)
    webhook_queue.remove(paused)
    webhook_queue.put_off(paused, NOW)
    assert due(NOW) == (LAMP, "lamp.released")
