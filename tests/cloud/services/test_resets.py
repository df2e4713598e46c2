"""Resets at the lamp: offered, requested, refused, done; and everything that must not release a lamp."""

from collections.abc import Callable
from datetime import datetime, timedelta

import peewee
import pytest

from cloud.errors import NoResetRequest, UnknownLamp
from cloud.ops.backup.contents import make_current
from cloud.services import claiming, resets
from cloud.services.lamps import associate, enqueue_state
from cloud.services.resets import DENIED_FOR, MISSED_AFTER, OFFERED_FOR, OWNER_HAS, LampReset, answer, end_due
from cloud.services.stock_screens import treat
from cloud.store import outbox, webhook_queue
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.reset_requests import ResetRequest, of_lamps
from cloud.store.tombstones import associated_topic
from cloud.store.webhook_queue import WebhookEvent
from shared.protocol.payloads import Associated, Association, Unassociated, decode_association
from shared.protocol.reset import Reset, ResetStage
from tests.cloud.conftest import NOW

LAMP = "b827ebba0387"
SECOND = timedelta(seconds=1)
DAY = LampReset.AFTER_A_DAY


@pytest.fixture(autouse=True)
def owned(database: peewee.Database, ada: User) -> Lampi:
    """Give ada a lamp, and the operator a receiver of events."""
    webhook_queue.announce_receiver(True)
    Lampi.create(device_id=LAMP, name="Kitchen", connected=True)
    return associate(LAMP, ada, NOW - timedelta(days=100), "test")


def published() -> Association | None:
    """Return what is about to be published of the lamp."""
    (payload,) = [each.payload for each in outbox.pending(after=0, limit=100) if each.topic == associated_topic(LAMP)]
    return decode_association(payload)


def told() -> Reset | None:
    """Return the answer in the lamp's message, None without one."""
    association = published()
    assert isinstance(association, Associated)
    return association.reset


def offered(rule: LampReset = DAY, now: datetime = NOW) -> str:
    """Ask for an offer; return its ticket."""
    answer({LAMP: None}, rule, now)
    offer = told()
    assert offer is not None
    assert offer.stage is ResetStage.OFFERED
    assert offer.ticket is not None
    return offer.ticket


def requested(now: datetime = NOW) -> str:
    ticket = offered(now=now)
    answer({LAMP: ticket}, DAY, now)
    return ticket


def stage() -> str | None:
    found = of_lamps([Lampi.named(LAMP)]).get(LAMP)
    return None if found is None else str(found.stage)


def history() -> list[tuple[str, str | None, str]]:
    rows = History.select().where(History.device_id == LAMP).order_by(History.id)
    return [(row.event, row.user_name, row.source) for row in rows][1:]


def version() -> int:
    return int(Lampi.named(LAMP).message_version)


def test_an_owner_who_says_nothing_for_a_day_loses_the_lamp() -> None:
    ticket = offered()
    assert told() == Reset(ResetStage.OFFERED, ticket, 24 * 3600)
    assert history() == []
    answer({LAMP: ticket}, DAY, NOW + SECOND)
    due = NOW + SECOND + OWNER_HAS
    assert told() == Reset(ResetStage.REQUESTED, until=due)
    assert end_due(DAY, due - SECOND) == []
    assert Lampi.named(LAMP).user_id is not None
    assert end_due(DAY, due) == [LAMP]
    lampi = Lampi.named(LAMP)
    assert (lampi.user_id, lampi.name) == (None, "My LAMPI")
    assert isinstance(published(), Unassociated)
    assert history() == [("reset requested", "ada", "lamp"), ("reset", "ada", "lamp")]
    kinds = [event.body.split('"')[3] for event in WebhookEvent.select().order_by(WebhookEvent.id)]
    assert kinds == ["lamp.associated", "lamp.reset_requested", "lamp.released"]
    assert '"release_at": "2026-11-24T12:00:01.000Z"' in WebhookEvent.select().order_by(WebhookEvent.id)[1].body
    assert ResetRequest.select().count() == 0
    assert end_due(DAY, due) == []


def test_an_owner_who_refuses_keeps_the_lamp_and_is_left_alone_for_a_day(ada: User) -> None:
    ticket = requested()
    later = NOW + timedelta(hours=23)
    resets.refuse(LAMP, later, "192.0.2.7", ada)
    assert told() == Reset(ResetStage.REFUSED, until=later + OWNER_HAS)
    before = version()
    for asked in (None, ticket):
        answer({LAMP: asked}, DAY, later + timedelta(hours=23))
    assert end_due(DAY, later + timedelta(hours=23)) == []
    assert version() == before
    assert end_due(DAY, later + OWNER_HAS) == []
    assert told() is None
    assert Lampi.named(LAMP).user == ada
    assert history() == [("reset requested", "ada", "lamp"), ("reset refused", "ada", "192.0.2.7")]
    requested(later + OWNER_HAS)
    assert stage() == "requested"


def test_at_once_a_confirmed_request_releases_the_lamp() -> None:
    ticket = offered(LampReset.AT_ONCE)
    assert told() == Reset(ResetStage.OFFERED, ticket, 0)
    assert Lampi.named(LAMP).user_id is not None
    answer({LAMP: ticket}, LampReset.AT_ONCE, NOW)
    assert Lampi.named(LAMP).user_id is None
    assert history() == [("reset requested", "ada", "lamp"), ("reset", "ada", "lamp")]


def test_never_is_said_once_and_nothing_is_recorded() -> None:
    answer({LAMP: None}, LampReset.NEVER, NOW)
    assert told() == Reset(ResetStage.DENIED)
    before = version()
    answer({LAMP: None}, LampReset.NEVER, NOW + DENIED_FOR - SECOND)
    assert version() == before
    end_due(LampReset.NEVER, NOW + DENIED_FOR)
    assert told() is None
    assert history() == []


def test_a_setting_that_becomes_never_ends_what_waits() -> None:
    ticket = requested()
    end_due(LampReset.NEVER, NOW + SECOND)
    assert told() == Reset(ResetStage.DENIED)
    assert history()[-1] == ("reset refused", None, "settings")
    assert end_due(DAY, NOW + OWNER_HAS) == []
    answer({LAMP: ticket}, LampReset.AT_ONCE, NOW + OWNER_HAS)
    assert Lampi.named(LAMP).user_id is not None
    offered(LampReset.AT_ONCE, NOW + 2 * OWNER_HAS)
    end_due(LampReset.NEVER, NOW + 2 * OWNER_HAS)
    assert told() is None


def test_a_setting_that_becomes_stricter_counts_for_an_offer_of_before() -> None:
    ticket = offered(LampReset.AT_ONCE)
    answer({LAMP: ticket}, DAY, NOW)
    assert (stage(), Lampi.named(LAMP).user_id is None) == ("requested", False)


def released(now: datetime) -> None:
    claiming.release(LAMP, now)


def released_and_claimed_by_another(now: datetime) -> None:
    claiming.release(LAMP, now)
    associate(LAMP, claiming.add_user("bob", now), now, "test")


def released_and_claimed_again(now: datetime) -> None:
    claiming.release(LAMP, now)
    associate(LAMP, claiming.user_named("ada"), now, "test")


def handed_over(now: datetime) -> None:
    """Without a moment in which the lamp has no owner."""
    Lampi.update(user=claiming.add_user("bob", now), associated_at=now).where(Lampi.device_id == LAMP).execute()


def forgotten_and_new(now: datetime) -> None:
    claiming.forget(LAMP, now)
    Lampi.create(device_id=LAMP, connected=True)
    associate(LAMP, claiming.add_user("bob", now), now, "test")


@pytest.mark.parametrize(
    "change", [released_and_claimed_by_another, released_and_claimed_again, handed_over, forgotten_and_new]
)
def test_a_request_ends_with_the_ownership(change: Callable[[datetime], None]) -> None:
    """However the lamp changed hands: neither the request, nor its ticket, nor an old offer's, counts for the next."""
    later = NOW + timedelta(hours=1)
    ticket = requested()
    change(later)
    enqueue_state([Lampi.named(LAMP)])
    assert told() is None
    assert resets.requested_among([Lampi.named(LAMP)]) == {}
    assert resets.all_requested() == []
    with pytest.raises(NoResetRequest):
        resets.refuse(LAMP, later, "test")
    owner = Lampi.named(LAMP).user_id
    answer({LAMP: ticket}, LampReset.AT_ONCE, later)
    assert end_due(DAY, NOW + OWNER_HAS) == []
    answer({LAMP: ticket}, LampReset.AT_ONCE, NOW + OWNER_HAS)
    assert Lampi.named(LAMP).user_id == owner


def test_a_request_of_a_lamp_that_was_released_meanwhile_is_dropped() -> None:
    requested()
    released(NOW + SECOND)
    code = Lampi.named(LAMP).association_code
    assert end_due(DAY, NOW + OWNER_HAS) == []
    assert Lampi.named(LAMP).association_code == code
    assert ResetRequest.select().count() == 0
    answer({LAMP: None}, DAY, NOW + OWNER_HAS)
    assert ResetRequest.select().count() == 0


def test_an_offer_is_good_for_two_minutes_and_its_ticket_for_itself() -> None:
    ticket = offered()
    answer({LAMP: "0" * 32}, LampReset.AT_ONCE, NOW + SECOND)
    assert stage() == "offered"
    answer({LAMP: ticket}, LampReset.AT_ONCE, NOW + OFFERED_FOR)
    offer = told()
    assert offer is not None
    assert offer.stage is ResetStage.OFFERED
    assert offer.ticket != ticket
    assert end_due(DAY, NOW + 2 * OFFERED_FOR) == []
    assert (told(), stage()) == (None, None)


def test_repeated_requests_cost_nothing() -> None:
    ticket = offered()
    before = version()
    for second in range(100):
        answer({LAMP: None}, DAY, NOW + second * SECOND)
    assert version() == before
    answer({LAMP: ticket}, DAY, NOW)
    before = version()
    for hour in range(24):
        for asked in (None, ticket, "0" * 32):
            answer({LAMP: asked}, DAY, NOW + timedelta(hours=hour))
    assert version() == before
    assert len(history()) == 1


def test_a_lamp_without_an_owner_and_an_unknown_one_are_not_answered() -> None:
    claiming.release(LAMP, NOW)
    answer({LAMP: None, "b827ebba0388": None}, LampReset.AT_ONCE, NOW)
    assert ResetRequest.select().count() == 0


def test_a_lamp_that_may_have_a_stock_screen_can_not_ask() -> None:
    treat([LAMP], True, NOW)
    answer({LAMP: None}, LampReset.AT_ONCE, NOW)
    assert ResetRequest.select().count() == 0


def test_a_time_in_the_future_is_not_believed() -> None:
    requested(NOW + timedelta(days=30))
    assert end_due(DAY, NOW) == []
    assert told() == Reset(ResetStage.REQUESTED, until=NOW + OWNER_HAS)
    assert end_due(DAY, NOW + OWNER_HAS) == [LAMP]


@pytest.mark.parametrize("asked_at", [NOW - timedelta(days=3), NOW - timedelta(days=10000)])
def test_a_release_that_was_missed_gives_the_owner_the_whole_time_again(asked_at: datetime) -> None:
    """The daemon did not run, or the clock was wrong when the lamp asked."""
    requested(asked_at)
    assert end_due(DAY, NOW) == []
    assert told() == Reset(ResetStage.REQUESTED, until=NOW + OWNER_HAS)
    assert end_due(DAY, NOW + OWNER_HAS + MISSED_AFTER) == [LAMP]


def test_a_restored_database_gives_the_owner_the_whole_time_again(database_url: str) -> None:
    """Who knows what the owner has refused since the backup."""
    requested()
    _, restored = make_current(database_url)
    later = NOW + timedelta(hours=23)
    assert end_due(DAY, later) == []
    assert told() == Reset(ResetStage.REQUESTED, until=later + OWNER_HAS)
    restored.close()


def test_a_refusal_in_the_future_lasts_a_day_from_now(ada: User) -> None:
    requested()
    resets.refuse(LAMP, NOW + timedelta(days=30), "test", ada)
    end_due(DAY, NOW)
    assert told() == Reset(ResetStage.REFUSED, until=NOW + OWNER_HAS)


def test_only_the_owner_and_an_operator_can_refuse(bob: User) -> None:
    requested()
    with pytest.raises(UnknownLamp):
        resets.refuse(LAMP, NOW, "test", bob)
    assert [(lampi.device_id, request.due_at) for lampi, request in resets.all_requested()] == [(LAMP, NOW + OWNER_HAS)]
    resets.refuse(LAMP, NOW, "command line (root)")
    assert history()[-1] == ("reset refused", None, "command line (root)")
    with pytest.raises(NoResetRequest):
        resets.refuse(LAMP, NOW, "command line (root)")
