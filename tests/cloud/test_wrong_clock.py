"""A clock that was 40 days ahead and then corrected: its timestamps are ignored and replaced."""

from datetime import timedelta

import peewee
import pytest

from cloud.auth import sessions
from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.maintenance import Maintenance
from cloud.errors import TooManyAttempts, TooManyGuesses, UnknownCode
from cloud.rate_limit import attempts
from cloud.rate_limit.attempts import Limit
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import associate_by_code
from cloud.services.lamps import register_lamps
from cloud.services.offering import make_offer
from cloud.services.statistics import read_statistics
from cloud.store import offers, webhook_queue
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease, Standby
from cloud.store.offers import Offer
from cloud.store.webhook_queue import WebhookEvent
from tests.cloud.conftest import NOW

AHEAD = NOW + timedelta(days=40)
LAMP = "b827ebba0387"
TTL = timedelta(minutes=15)

pytestmark = pytest.mark.usefixtures("database")


def test_guesses_of_the_future_throttle_no_one(ada: User) -> None:
    announce(CodePolicy(ttl=None, guesses_per_user=3))
    for _ in range(3):
        with pytest.raises(UnknownCode):
            associate_by_code("000000", ada, AHEAD, "192.0.2.7")
    with pytest.raises(TooManyGuesses):
        associate_by_code("000000", ada, AHEAD, "192.0.2.7")
    for _ in range(3):
        with pytest.raises(UnknownCode):
            associate_by_code("000000", ada, NOW, "192.0.2.7")


def test_attempts_of_the_future_keep_no_owner_out() -> None:
    limit = Limit(("password", "ada"), 5, timedelta(minutes=15))
    for _ in range(5):
        attempts.spend([limit], NOW + timedelta(hours=2))
    with pytest.raises(TooManyAttempts):
        attempts.spend([limit], NOW + timedelta(hours=2))
    for _ in range(5):
        attempts.spend([limit], NOW)
    with pytest.raises(TooManyAttempts):
        attempts.spend([limit], NOW)


def test_codes_of_the_future_are_replaced() -> None:
    register_lamps([LAMP], AHEAD)
    code = Lampi.named(LAMP).association_code
    assert rotate_expired(TTL, NOW) == [LAMP]
    lampi = Lampi.named(LAMP)
    assert (lampi.association_code != code, lampi.code_issued_at) == (True, NOW)
    assert rotate_expired(TTL, NOW) == []


def test_an_offer_of_the_future_is_none(ada: User, database: peewee.Database) -> None:
    Lampi.create(device_id=LAMP, user=ada, associated_at=AHEAD)
    offer = make_offer(LAMP, AHEAD, "192.0.2.7", ada)
    assert Offer.stands_under(offer.code, AHEAD) == offer
    assert Offer.stands_under(offer.code, NOW) is None
    offers.purge(NOW)
    assert Offer.select().count() == 0


def test_a_session_of_the_future_ends(ada: User) -> None:
    token = sessions.begin(ada, AHEAD)
    assert sessions.user_of(token, AHEAD) == ada
    assert sessions.user_of(token, NOW) is None


def test_an_event_that_is_due_in_the_far_future_is_due_now() -> None:
    WebhookEvent.create(message_id="msg_1", device_id=LAMP, body="{}", happened_at=NOW, due_at=AHEAD)
    assert webhook_queue.next_due(NOW) is not None
    WebhookEvent.update(due_at=NOW + webhook_queue.LONGEST_PAUSE, turn=None).execute()
    assert webhook_queue.next_due(NOW) is None


def test_the_age_of_what_is_pending_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.store.outbox.OutboxMessage.enqueued_at.default", lambda: AHEAD)
    register_lamps([LAMP], AHEAD)
    maintenance = Maintenance()
    maintenance.step(AHEAD, 0)
    maintenance.step(NOW, 100)
    assert read_statistics(NOW + timedelta(minutes=10)).oldest_seconds == pytest.approx(600)


def test_a_standby_of_the_future_is_none() -> None:
    leader, standby = PublisherLease(), PublisherLease()
    leader.acquire(AHEAD)
    standby.acquire(AHEAD)
    assert read_statistics(NOW).standbys == 0
    leader.acquire(NOW)
    assert Standby.select().count() == 0


def test_the_clocks_of_two_machines_may_differ_a_little(ada: User, database: peewee.Database) -> None:
    token = sessions.begin(ada, NOW + timedelta(seconds=2))
    assert sessions.user_of(token, NOW) == ada


def test_a_request_that_waited_for_the_lock_deletes_nothing_of_others(ada: User) -> None:
    """Its time is that before the wait; others wrote meanwhile."""
    limit = Limit(("password", "ada"), 5, timedelta(minutes=15))
    for _ in range(5):
        attempts.spend([limit], NOW + timedelta(seconds=9))
    token = sessions.begin(ada, NOW + timedelta(seconds=9))
    with pytest.raises(TooManyAttempts):
        attempts.spend([limit], NOW)
    sessions.begin(ada, NOW)
    assert sessions.user_of(token, NOW + timedelta(seconds=9)) == ada
