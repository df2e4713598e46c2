"""What an owner's lamps show and are asked to show: who may, how long it lasts, and that it leaves no trace."""

from datetime import datetime, timedelta

import peewee
import pytest

from cloud.daemon.presence import PresenceBatch
from cloud.db.database import write_transaction
from cloud.errors import TooManyRequests, UnknownLamp
from cloud.rate_limit.state_requests import BURST, REFILL
from cloud.services import claiming, lamp_states
from cloud.services.lamp_states import Followed, Outcome, keep_watching, look_at, request, views_of
from cloud.store import state_requests, state_watches
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease
from cloud.store.state_requests import KEPT_FOR, REQUEST_FOR, StateRequest
from cloud.store.state_watches import WATCH_FOR, StateWatch
from shared.protocol.payloads import Color, LampConfig
from tests.cloud.conftest import NOW

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
SECOND = timedelta(seconds=1)
ON = LampConfig(on=True)


@pytest.fixture(autouse=True)
def lamp(database: peewee.Database, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> Lampi:
    """Give a lamp of Ada's, one of Bob's, and a daemon's lease."""
    monkeypatch.setattr(lamp_states, "LEARN_SECONDS", 0)
    batch = PresenceBatch()
    batch.add(LAMP, True)
    batch.add(OTHER, True)
    batch.register(NOW - KEPT_FOR)
    for device_id, user in ((LAMP, ada), (OTHER, bob)):
        claiming.associate_by_device_id(device_id, user, NOW)
    lead(NOW)
    return Lampi.named(LAMP)


def lead(now: datetime) -> None:
    PublisherLease().acquire(now)


def report(config: LampConfig, now: datetime = NOW, device_id: str = LAMP) -> None:
    with write_transaction():
        state_watches.record(device_id, config, now)


def due(now: datetime = NOW) -> list[tuple[str, LampConfig]]:
    return [(each.device_id, each.config) for each in state_requests.due(now)]


def test_looking_at_a_lamp_watches_it_for_a_while(ada: User) -> None:
    assert look_at(ada, LAMP, NOW).shown is None
    assert set(state_watches.watched(NOW)) == {LAMP}
    report(LampConfig(Color(0.5, 0.25), 0.75, True))
    report(LampConfig(brightness=0.5), NOW + SECOND)
    seen = look_at(ada, LAMP, NOW + SECOND)
    assert (seen.shown, seen.reported_at) == (LampConfig(Color(0.5, 0.25), 0.5, True), NOW + SECOND)
    assert state_watches.watched(NOW + WATCH_FOR + SECOND) == {}
    lead(NOW + WATCH_FOR + SECOND)
    assert look_at(ada, LAMP, NOW + WATCH_FOR + SECOND).shown is None  # whatever it showed then


def test_without_a_daemon_nothing_is_known(ada: User) -> None:
    look_at(ada, LAMP, NOW)
    report(ON)
    assert look_at(ada, LAMP, NOW).shown == ON
    seen = look_at(ada, LAMP, NOW + 10 * SECOND)
    assert (seen.is_served, seen.shown, seen.reported_at) == (False, None, None)


def test_a_watch_is_renewed_in_its_second_half_only(ada: User) -> None:
    look_at(ada, LAMP, NOW)
    look_at(ada, LAMP, NOW + WATCH_FOR / 2)
    assert StateWatch.get().until == NOW + WATCH_FOR
    later = NOW + WATCH_FOR / 2 + SECOND
    keep_watching([Followed(ada.id, LAMP), Followed(ada.id, OTHER)], later)
    assert [(each.device_id, each.until) for each in StateWatch.select()] == [(LAMP, later + WATCH_FOR)]


def test_a_watch_that_a_wrong_clock_wrote_is_none(ada: User) -> None:
    look_at(ada, LAMP, NOW + timedelta(days=1))
    assert state_watches.watched(NOW) == {}
    assert state_watches.have_ended(NOW)
    with write_transaction():
        state_watches.remove_ended(NOW)
    assert not state_watches.have_ended(NOW)


@pytest.mark.parametrize("device_id", [OTHER, "b827ebba0389", "B827EBBA0387", "\0"])
def test_other_lamps_are_unknown_and_nothing_is_written(ada: User, device_id: str) -> None:
    before = History.select().count()
    with pytest.raises(UnknownLamp, match="no such lamp"):
        look_at(ada, device_id, NOW)
    with pytest.raises(UnknownLamp, match="no such lamp"):
        request(ada, device_id, ON, NOW)
    assert (StateWatch.select().count(), StateRequest.select().count()) == (0, 0)
    assert History.select().count() == before


def test_a_page_that_stays_open_follows_no_other_lamp(ada: User) -> None:
    followed = [Followed(ada.id, LAMP), Followed(ada.id, OTHER)]
    keep_watching(followed, NOW)
    assert set(views_of(followed, NOW)) == {followed[0]}
    assert set(state_watches.watched(NOW)) == {LAMP}


def test_requests_are_no_history(ada: User) -> None:
    before = History.select().count()
    request(ada, LAMP, ON, NOW)
    assert History.select().count() == before


def test_what_was_not_published_yet_is_published_together(ada: User) -> None:
    request(ada, LAMP, ON, NOW)
    request(ada, LAMP, LampConfig(Color(0.1, 0.2)), NOW + SECOND)
    assert due(NOW + SECOND) == [(LAMP, LampConfig(Color(0.1, 0.2), None, True))]
    with write_transaction():
        state_requests.note_published([LAMP])
    assert due(NOW + SECOND) == []
    request(ada, LAMP, LampConfig(brightness=0.5), NOW + 2 * SECOND)
    assert due(NOW + 2 * SECOND) == [(LAMP, LampConfig(brightness=0.5))]


def test_a_request_is_published_soon_or_never(ada: User) -> None:
    request(ada, LAMP, ON, NOW)
    late = NOW + REQUEST_FOR
    assert (due(late - SECOND), due(late)) == ([(LAMP, ON)], [])
    assert due(NOW - timedelta(minutes=1)) == []  # a wrong clock's
    request(ada, LAMP, LampConfig(brightness=0.5), late)
    assert due(late) == [(LAMP, LampConfig(brightness=0.5))]  # the old one is not revived


def test_a_request_is_pending_then_confirmed_or_unanswered(ada: User) -> None:
    assert request(ada, LAMP, ON, NOW).outcome is Outcome.PENDING
    lead(NOW + REQUEST_FOR)
    assert look_at(ada, LAMP, NOW + REQUEST_FOR).outcome is Outcome.UNANSWERED
    request(ada, LAMP, ON, NOW + REQUEST_FOR)
    with write_transaction():
        state_requests.note_answered([LAMP])
    assert look_at(ada, LAMP, NOW + REQUEST_FOR).outcome is Outcome.CONFIRMED
    ended = NOW + REQUEST_FOR + KEPT_FOR + SECOND
    assert (state_requests.have_ended(ended - 2 * SECOND), state_requests.have_ended(ended)) == (False, True)
    with write_transaction():
        state_requests.remove_ended(ended)
    assert look_at(ada, LAMP, ended).outcome is None


@pytest.mark.parametrize(
    ("reported", "is_fulfilled"),
    [
        (LampConfig(Color(0.33, 0.67), 0.1, True), True),
        (LampConfig(Color(0.33, 0.67), 0.1, False), False),
        (LampConfig(Color(0.36, 0.67), 0.1, True), False),
        (LampConfig(None, 0.1, True), False),
    ],
)
def test_a_report_with_rounded_values_fulfils_a_request(ada: User, reported: LampConfig, is_fulfilled: bool) -> None:
    request(ada, LAMP, LampConfig(Color(1 / 3, 2 / 3), None, True), NOW)
    assert StateRequest.get().is_fulfilled_by(reported) is is_fulfilled


@pytest.mark.parametrize("end", ["release", "forget"])
def test_a_lamp_that_changes_hands_is_deaf_to_its_former_owner(ada: User, bob: User, end: str) -> None:
    request(ada, LAMP, ON, NOW)
    claiming.release(LAMP, NOW) if end == "release" else claiming.forget(LAMP, NOW)
    assert StateRequest.select().count() == 0
    with pytest.raises(UnknownLamp):
        request(ada, LAMP, ON, NOW)
    assert due() == []


def test_only_the_owner_s_request_is_published_whatever_removed_the_owner(ada: User, bob: User) -> None:
    request(ada, LAMP, ON, NOW)
    Lampi.update(user=bob).where(Lampi.device_id == LAMP).execute()
    assert due() == []
    assert look_at(bob, LAMP, NOW).outcome is None  # nor does the next owner see that there was one


def test_a_flood_of_one_owner_is_refused_and_others_are_unharmed(ada: User, bob: User) -> None:
    for _ in range(BURST):
        request(ada, LAMP, ON, NOW)
    with pytest.raises(TooManyRequests) as refused:
        request(ada, LAMP, LampConfig(on=False), NOW)
    assert refused.value.retry_after == REFILL
    assert due() == [(LAMP, ON)]
    look_at(ada, LAMP, NOW)  # it is watched, so this costs nothing
    request(bob, OTHER, ON, NOW)
    request(ada, LAMP, ON, NOW + REFILL)


def test_beginning_to_watch_counts(ada: User) -> None:
    for _ in range(BURST):
        look_at(ada, LAMP, NOW)
        StateWatch.delete().execute()
    with pytest.raises(TooManyRequests):
        look_at(ada, LAMP, NOW)
    assert StateWatch.select().count() == 0
