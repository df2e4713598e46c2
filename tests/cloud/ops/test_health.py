"""Health checks: what is OK, a warning or critical, and how it is reported."""

from datetime import timedelta

import peewee
import pytest

from cloud.db.database import write_transaction
from cloud.ops.health import (
    BrokerStatistics,
    Check,
    Level,
    Limits,
    check_broker,
    check_database,
    level_of,
    performance,
    summary,
)
from cloud.rate_limit import guess_counts, policy
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import associate_by_device_id
from cloud.services.lamps import register_lamps
from cloud.services.statistics import Statistics, read_statistics
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from cloud.store.lease import LEASE_SECONDS, Leader, PublisherLease, Standby
from cloud.store.outbox import OutboxMessage
from tests.cloud.conftest import NOW

LIMITS = Limits(behind_warning=30, behind_critical=300, dropped=0)
WELL = Statistics(
    lamps=12,
    waiting=3,
    connected=10,
    pending=0,
    oldest_seconds=0.0,
    leader=Leader("process 123 on cloud", renewed_seconds=0.5, worked_seconds=0.7),
    standbys=1,
    code_ttl=timedelta(seconds=900),
)


def figures(**changes: object) -> Statistics:
    return Statistics(**(vars(WELL) | changes))


def levels(checks: list[Check]) -> dict[str, Level]:
    return {check.subject: check.level for check in checks}


def test_all_well_is_one_line_with_what_one_wants_to_know() -> None:
    checks = check_database(WELL, LIMITS) + check_broker(BrokerStatistics(True, 0), LIMITS)
    assert level_of(checks) == 0
    assert summary(checks) == (
        "LAMPI OK - process 123 on cloud is the publisher (lease renewed 0.5 s ago), standbys: 1; "
        "no messages are pending; 12 lamps, 3 unassociated, 10 up"
    )
    assert "code lifetime: 900 s" in [check.text for check in checks]


def test_codes_that_never_expire_are_counted(database: peewee.Database) -> None:
    announce(CodePolicy())
    register_lamps(["b827ebba0387", "b827ebba0388"], NOW, stock={"b827ebba0388"})
    texts = [check.text for check in check_database(read_statistics(NOW), LIMITS)]
    assert "code lifetime: 900 s, unlimited for 1 unassociated lamps that may have a stock screen" in texts


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0.0, Level.OK), (29.9, Level.OK), (30.0, Level.WARNING), (299.9, Level.WARNING), (300.0, Level.CRITICAL)],
)
def test_a_broker_that_is_behind(seconds: float, level: Level) -> None:
    assert levels(check_database(figures(pending=1, oldest_seconds=seconds), LIMITS))["outbox"] is level


def test_a_leader_without_progress_is_critical() -> None:
    """It renews its lease, and each of its rounds fails."""
    stuck = figures(leader=Leader("process 123 on cloud", renewed_seconds=0.5, worked_seconds=20))
    check = next(check for check in check_database(stuck, LIMITS) if check.subject == "publisher")
    assert check.level is Level.CRITICAL
    assert check.text == (
        "process 123 on cloud is the publisher, but has not completed its work for 20 s; see the daemon's log"
    )


@pytest.mark.usefixtures("database")
def test_the_lease_tells_when_its_holder_completed_a_round() -> None:
    lease = PublisherLease()
    lease.acquire(NOW)
    lease.acquire(NOW + timedelta(seconds=2), worked_at=NOW + timedelta(seconds=1))
    seen = read_statistics(NOW + timedelta(seconds=3)).leader
    assert seen is not None
    assert seen.renewed_seconds == pytest.approx(1)
    assert seen.worked_seconds == pytest.approx(2)


def test_no_publisher_is_critical() -> None:
    assert levels(check_database(figures(leader=None), LIMITS))["publisher"] is Level.CRITICAL


@pytest.mark.parametrize(
    ("seen", "daemon", "dropped"),
    [
        (BrokerStatistics(True, None), Level.OK, Level.OK),
        (BrokerStatistics(False, 0), Level.CRITICAL, Level.OK),
        (BrokerStatistics(True, 1), Level.OK, Level.WARNING),
    ],
)
def test_what_the_broker_says(seen: BrokerStatistics, daemon: Level, dropped: Level) -> None:
    assert levels(check_broker(seen, LIMITS)) == {"daemon": daemon, "dropped": dropped}


def test_the_worst_comes_first() -> None:
    checks = [Check("a", Level.OK, "a"), Check("b", Level.WARNING, "b"), Check("c", Level.CRITICAL, "c")]
    assert summary(checks) == "LAMPI CRITICAL - c; b"


def test_figures_are_written_as_monitoring_systems_read_them() -> None:
    assert performance(WELL, BrokerStatistics(True, 7), LIMITS) == {
        "lamps": "12;;;0",
        "waiting": "3;;;0",
        "connected": "10;;;0",
        "pending": "0;;;0",
        "standbys": "1;;;0",
        "behind": "0.0s;30;300;0",
        "lease_age": "0.5s;;;0",
        "dropped": "7c;0;;0",
    }
    assert performance(None, None, LIMITS) == {}


@pytest.mark.usefixtures("database")
def test_an_empty_database_has_no_publisher() -> None:
    assert read_statistics(NOW) == Statistics(0, 0, 0, 0, 0.0, None, 0, None)


def test_figures_of_a_database(ada: User) -> None:
    register_lamps(["b827ebba0387", "b827ebba0388"], NOW)
    associate_by_device_id("b827ebba0387", ada, NOW)
    leader, standby = PublisherLease(), PublisherLease()
    leader.acquire(NOW)
    standby.acquire(NOW)
    OutboxMessage.update(enqueued_at=NOW).execute()
    OutboxMessage.update(enqueued_at=NOW - timedelta(seconds=7)).where(
        OutboxMessage.topic.contains("b827ebba0388")
    ).execute()
    policy.announce(CodePolicy(ttl=timedelta(seconds=60), risk=0.001))
    with write_transaction():
        for _ in range(2):
            guess_counts.add_failure([guess_counts.EVERYONE], 0.0001, policy.announced(), NOW)
    later = NOW + timedelta(seconds=3)
    seen = read_statistics(later)
    assert (seen.lamps, seen.waiting, seen.connected, seen.pending) == (2, 1, 2, 2)
    assert seen.oldest_seconds == pytest.approx(10)
    assert seen.leader is not None
    assert seen.leader.shown.startswith("process ")
    assert seen.leader.renewed_seconds == pytest.approx(3)
    assert (seen.standbys, seen.code_ttl) == (1, timedelta(seconds=60))
    assert seen.wrong_codes == 2
    assert seen.guess_budget_used == pytest.approx(0.2)


@pytest.mark.usefixtures("database")
def test_a_newer_message_waits_as_long_as_the_one_that_it_replaces() -> None:
    register_lamps(["b827ebba0387"], NOW)
    OutboxMessage.update(enqueued_at=NOW).execute()
    Lampi.named("b827ebba0387").publish_unassociated_msg()
    assert outbox.oldest_pending_at() == NOW
    with write_transaction():
        outbox.remove([2])
    assert outbox.oldest_pending_at() is None


@pytest.mark.usefixtures("database")
def test_a_standby_is_counted_as_long_as_it_says_so() -> None:
    leader, standby = PublisherLease(), PublisherLease()
    leader.acquire(NOW)
    standby.acquire(NOW)
    assert read_statistics(NOW).standbys == 1
    assert read_statistics(NOW + timedelta(seconds=LEASE_SECONDS)).standbys == 0
    leader.resign()
    standby.acquire(NOW)
    assert read_statistics(NOW).standbys == 0
    third = PublisherLease()
    third.acquire(NOW)
    third.resign()
    assert Standby.select().count() == 0
