"""No statement that is issued for each lamp, or under the write lock, reads a whole table that grows."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import peewee
import pytest

from cloud.auth import accounts, api_tokens, passkeys, recovery_codes, sessions
from cloud.auth.passkeys import Passkey
from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.maintenance import Maintenance
from cloud.daemon.presence import PresenceBatch, PresenceSnapshot
from cloud.daemon.refusals import LONGEST_PAUSE_SECONDS
from cloud.daemon.stock_screens import StockTreatment
from cloud.db import bulk
from cloud.db.name_skeletons import name_skeleton
from cloud.errors import TooManyGuesses, UnknownCode, WrongPassword
from cloud.mqtt.reasons import NOT_AUTHORIZED
from cloud.rate_limit.policy import CodePolicy, StockScreens, announce
from cloud.reconciliation.orphans import withdraw_orphans
from cloud.reconciliation.reconcile import Drift, repair
from cloud.services.claim_url_rollout import roll_out_claim_url
from cloud.services.claiming import (
    add_user,
    associate_by_code,
    associate_by_device_id,
    associate_found,
    forget,
    release,
    rotate_code,
)
from cloud.services.identification import IDENTIFY_FOR, end_identifying, identify
from cloud.services.lamps import publish_code
from cloud.services.offering import make_offer, offer_of, offered_by_link, was_handed_over, withdraw
from cloud.services.ownership import release_own, rename
from cloud.services.page_state import states_of
from cloud.services.resets import OWNER_HAS, LampReset, all_requested, answer, end_due, refuse
from cloud.services.stock_screens import REOPEN_AFTER
from cloud.store import claim_url, offers, outbox, webhook_queue
from cloud.store.lamps import Lampi
from cloud.store.outbox import OutboxMessage
from cloud.store.reset_requests import ResetRequest
from cloud.store.tombstones import Tombstone
from cloud.store.users import User, looks_like
from tests.cloud.conftest import NOW
from tests.support.pages import PASSWORD
from tests.support.plans import plans
from tests.support.publishing import HandPlayed
from tests.support.replay import our_mark, replay_lost, topic

GROWING = "lampi|outbox_message|forgotten|history|guess_count|webhook_event|sign_in|attempt|api_token|change_bucket"
GROWING += "|recovery_code|passkey|reset_request"
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


def change_own_lamp() -> None:
    ada = add_user("ada", NOW)
    lampi = identify(KNOWN[7], NOW, ada)
    associate_found(KNOWN[7], lampi.association_code, ada, NOW)
    rename(ada, KNOWN[7], "Kitchen", NOW)
    release_own(ada, KNOWN[7], NOW, "192.0.2.7")


def hand_over() -> None:
    ada, bob = add_user("ada", NOW), add_user("bob", NOW)
    associate_by_device_id(KNOWN[7], ada, NOW)
    for _ in range(2):
        offer = make_offer(KNOWN[7], NOW, "192.0.2.7", ada)
    offer_of(KNOWN[7], NOW, ada)
    offered_by_link(offer.code, NOW)
    associate_by_code(offer.short_code, bob, NOW)
    states_of([ada.id, bob.id], NOW)
    was_handed_over(ada, KNOWN[7], NOW)
    make_offer(KNOWN[7], NOW, "192.0.2.7", bob)
    withdraw(KNOWN[7], NOW, "192.0.2.7", bob)
    make_offer(KNOWN[7], NOW, "192.0.2.7", bob)
    offers.purge(NOW + offers.GOOD_FOR)


def guess_wrong() -> None:
    ada = add_user("ada", NOW)
    for typed in ("000000", "0" * 32):
        with suppress(UnknownCode):
            associate_by_code(typed, ada, NOW)
    announce(CodePolicy(guesses_per_user=1))
    with suppress(TooManyGuesses):
        associate_by_code("000000", ada, NOW)


def use_accounts() -> None:
    ada = accounts.sign_up("ada", PASSWORD, "192.0.2.7", NOW)
    with suppress(WrongPassword):
        accounts.sign_in("ada", "wrong password", "192.0.2.7", NOW)
    ada = accounts.sign_in("ada", PASSWORD, "192.0.2.7", NOW)
    sessions.user_of(sessions.begin(ada, NOW), NOW + sessions.NOTED_EVERY)
    accounts.change_password(ada, PASSWORD, f"{PASSWORD}!", NOW)
    accounts.set_password(ada, PASSWORD)
    sessions.end(sessions.begin(ada, NOW))


def use_keys() -> None:
    ada = accounts.sign_up("ada", PASSWORD, "192.0.2.7", NOW)
    phone = Passkey(user=ada, name="Phone", credential_id="AAAA", user_handle="AAAA", public_key="AAAA", sign_count=0)
    phone.created_at = NOW
    passkeys.add(phone, "192.0.2.7")
    passkeys.note_use(passkeys.with_credential("AAAA"), 1, NOW)
    sessions.begin(ada, NOW, passkey=phone)
    sessions.end_named(ada, sessions.sessions_of(ada, NOW)[0].name)
    passkeys.remove(ada, passkeys.passkeys_of(ada)[0].id, NOW, "192.0.2.7")
    codes = recovery_codes.make_codes(ada, NOW, "192.0.2.7")
    accounts.recover("ada", codes[0], f"{PASSWORD}!", "192.0.2.7", NOW)
    assert recovery_codes.codes_left(ada) == recovery_codes.CODES - 1


def use_tokens() -> None:
    ada = add_user("ada", NOW)
    token = api_tokens.make_token(ada, "a script", NOW)
    api_tokens.bearer(token, NOW)
    api_tokens.revoke(ada, api_tokens.tokens_of(ada)[0].id)


def send_webhooks() -> None:
    for number in range(3):
        associate_by_device_id(KNOWN[number], add_user(f"user {number}", NOW), NOW)
        release(KNOWN[number], NOW)
    for act in (webhook_queue.put_off, lambda event, _now: webhook_queue.remove(event)):
        event = webhook_queue.next_due(NOW)
        assert event is not None
        act(event, NOW)
    webhook_queue.next_due(NOW + webhook_queue.FIRST_PAUSE)
    assert webhook_queue.give_up(NOW + 2 * webhook_queue.GIVEN_UP_AFTER) > 0


def operate() -> None:
    rotate_code(KNOWN[1], NOW)
    publish_code(KNOWN[1])
    forget(KNOWN[2], NOW)
    heard([KNOWN[2]], up=True)
    identify(KNOWN[3], NOW)
    end_identifying(NOW + IDENTIFY_FOR)
    claim_url.announce("https://lamps.example.com/associate")
    roll_out_claim_url()
    withdraw_orphans([*NEW, *KNOWN], NOW)
    repair(Drift(missing={KNOWN[4]}, stale={KNOWN[5]}), NOW)


def treat_stock_screens() -> None:
    """All waiting lamps become stock ones, their popups reopen, some come back, and the treatment ends."""
    for screens in (StockScreens.YES, StockScreens.NO):
        treatment = StockTreatment(screens)
        for step in range(5):
            treatment.step(NOW + step * REOPEN_AFTER)
            outbox.remove([message.version for message in outbox.pending(after=0, limit=1000)])
        heard(KNOWN[:3], up=False)
        heard(KNOWN[:3], up=True)


def reset_at_lamps() -> None:
    ada = add_user("ada", NOW)
    asking = dict.fromkeys(KNOWN[:50])
    for device_id in asking:
        associate_by_device_id(device_id, ada, NOW)
    answer(asking, LampReset.AFTER_A_DAY, NOW)
    tickets = {device_id: ResetRequest.get_by_id(device_id).ticket for device_id in asking}
    answer(tickets, LampReset.AFTER_A_DAY, NOW)
    refuse(KNOWN[0], NOW, "192.0.2.7", ada)
    all_requested()
    for rule, now in ((LampReset.NEVER, NOW), (LampReset.AFTER_A_DAY, NOW + OWNER_HAS)):
        end_due(rule, now)


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
    "changing one's own lamp": change_own_lamp,
    "handing over": hand_over,
    "guessing": guess_wrong,
    "signing up, in and out": use_accounts,
    "passkeys and recovery codes": use_keys,
    "using a token": use_tokens,
    "sending webhooks": send_webhooks,
    "what operators and maintenance do": operate,
    "rotating nothing": lambda: rotate_expired(timedelta(hours=1), NOW),
    "rotating": lambda: rotate_expired(timedelta(seconds=1), NOW + timedelta(seconds=1)),
    "looking for what is over": lambda: Maintenance().step(NOW, 1.0),
    "resets": reset_at_lamps,
    "stock screens": treat_stock_screens,
    "replay": lambda: replay_lost(None, NOW),
    "looking for deleted lamps": lambda: Tombstone.after(0, 50),
    "looking for lamps deleted long ago": lambda: Tombstone.newest_before(NOW),
    "which lamps are deleted": lambda: Tombstone.among(KNOWN),
}


@pytest.mark.parametrize("what", HOT)
def test_nothing_reads_a_whole_table(database: peewee.Database, what: str) -> None:
    announce(CodePolicy())
    webhook_queue.announce_receiver(True)
    heard(KNOWN, up=True)
    issued = plans(database, ("SELECT", "UPDATE", "DELETE", "INSERT"), HOT[what])
    assert issued
    assert [plan for plan in issued if WHOLE.search(plan)] == []


def test_correcting_future_timestamps_writes_by_an_index(database: peewee.Database) -> None:
    """It reads all messages, but without the write lock."""
    heard(KNOWN, up=True)
    OutboxMessage.update(enqueued_at=NOW + timedelta(days=1)).execute()
    issued = plans(database, "UPDATE", lambda: outbox.correct_future(NOW))
    assert len(issued) == 2
    assert [plan for plan in issued if WHOLE.search(plan)] == []
    assert outbox.oldest_pending_at() == NOW


def test_a_new_name_is_compared_with_those_of_all_users_by_an_index(database: peewee.Database) -> None:
    names = [(f"reader{number}", f"reader{number}", name_skeleton(f"reader{number}")) for number in range(3000)]
    bulk.insert(User, ("name", "name_key", "name_skeleton"), names)
    (plan,) = plans(database, "SELECT", lambda: User.select().where(looks_like("reader7")).exists())
    assert "name_skeleton" in plan
    assert not re.search(r"(?:SCAN|Seq Scan on) lampi_user\b", plan)


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
