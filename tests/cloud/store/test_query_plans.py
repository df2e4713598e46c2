"""No statement that is issued for each lamp, or many times a second, reads a whole table that grows."""

import re
from collections.abc import Callable
from datetime import timedelta

import peewee
import pytest

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.maintenance import Maintenance
from cloud.daemon.presence import PresenceBatch, PresenceSnapshot
from cloud.daemon.refusals import LONGEST_PAUSE_SECONDS
from cloud.mqtt.reasons import NOT_AUTHORIZED
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import add_user, associate_by_code, associate_by_device_id, release
from cloud.store import outbox
from cloud.store.lamps import Lampi
from tests.cloud.conftest import NOW
from tests.support.plans import plans
from tests.support.publishing import HandPlayed
from tests.support.replay import our_mark, replay_lost, topic

GROWING = "lampi|outbox_message|forgotten|history|guess_count|webhook_event"
"""Not the users: they are counted, up to a limit."""

WHOLE = re.compile(rf"(?:SCAN|Seq Scan on) (?:{GROWING})\b")

KNOWN = [f"b827eb{number:06x}" for number in range(600)]
NEW = [f"b827ec{number:06x}" for number in range(600)]


def heard(device_ids: list[str], up: bool) -> None:
    batch = PresenceBatch()
    for device_id in device_ids:
        batch.add(device_id, up)
    batch.register(NOW)


def publish_all() -> None:
    broker = HandPlayed()
    broker.publisher.take_over_mark(our_mark)
    broker.pump()
    broker.accept_next(1000)
    broker.pump()


def retry_refused() -> None:
    broker = HandPlayed()
    broker.pump()
    broker.refuse(NOT_AUTHORIZED, *broker.numbers())
    broker.pump(LONGEST_PAUSE_SECONDS)


def settle_snapshot() -> None:
    snapshot = PresenceSnapshot()
    snapshot.add(KNOWN[0])
    while not snapshot.settle(NOW):
        pass


def associate() -> None:
    lampi = Lampi.named(KNOWN[7])
    associate_by_code(lampi.association_code[: lampi.short_code_length], add_user("ada"), NOW)
    associate_by_device_id(KNOWN[8], add_user("bob"), NOW)
    release(KNOWN[8], NOW)


HOT: dict[str, Callable[[], object]] = {
    "new lamps": lambda: heard(NEW, up=True),
    "known lamps": lambda: heard(KNOWN, up=True),
    "lamps that went": lambda: heard(KNOWN, up=False),
    "publishing": publish_all,
    "trying again what was refused": retry_refused,
    "looking whether a sample is lost": lambda: outbox.versions_of([topic(device_id) for device_id in KNOWN]),
    "looking for what is new": outbox.newest_version,
    "presence snapshot": settle_snapshot,
    "associating and releasing": associate,
    "rotating nothing": lambda: rotate_expired(timedelta(hours=1), NOW),
    "rotating": lambda: rotate_expired(timedelta(seconds=1), NOW + timedelta(seconds=1)),
    "looking for what is over": lambda: Maintenance().step(NOW, 1.0),
    "replay": lambda: replay_lost(None, NOW),
}


@pytest.mark.parametrize("what", HOT)
def test_nothing_reads_a_whole_table(database: peewee.Database, what: str) -> None:
    announce(CodePolicy())
    heard(KNOWN, up=True)
    issued = plans(database, ("SELECT", "UPDATE", "DELETE", "INSERT"), HOT[what])
    assert issued
    assert [plan for plan in issued if WHOLE.search(plan)] == []


def test_a_statement_that_reads_a_whole_table_is_found(database: peewee.Database) -> None:
    (plan,) = plans(database, "SELECT", lambda: list(Lampi.select().where(Lampi.name == "My LAMPI")))
    assert WHOLE.search(plan)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_plan_from_when_a_table_was_small_is_not_kept(database: peewee.Database) -> None:
    """PostgreSQL would keep one after five times; in a new database, a thousand lamps a second then stand still."""
    heard(KNOWN[:100], up=True)
    database.execute_sql("PREPARE known (text[]) AS SELECT connected FROM lampi WHERE device_id = ANY($1)")
    for _ in range(10):
        database.execute_sql(f"EXECUTE known ('{{{','.join(KNOWN)}}}')")
    heard([f"b827ec{number:06x}" for number in range(3000)], up=True)
    plan = "".join(line for (line,) in database.execute_sql("EXPLAIN EXECUTE known ('{b827eb000007}')").fetchall())
    assert "Index Scan" in plan
    assert not WHOLE.search(plan)
