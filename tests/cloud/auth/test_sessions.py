"""Browser sessions: how they begin, end and expire."""

from datetime import timedelta

import pytest

from cloud.auth import accounts, sessions
from cloud.auth.sessions import IDLE_FOR, LASTS_FOR, NOTED_EVERY, BrowserSession
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.errors import WrongPassword
from cloud.rate_limit import attempts
from cloud.rate_limit.attempts import Attempt, Limit
from cloud.store.lamps import User
from tests.cloud.conftest import NOW

PASSWORD = "correct horse battery"
HOME = "192.0.2.7"
SECOND = timedelta(seconds=1)
QUARTER = timedelta(minutes=15)


def test_who_is_signed_in_is_known_by_a_token_that_is_not_kept(grace: User) -> None:
    token = sessions.begin(grace, NOW)
    assert sessions.user_of(token, NOW) == grace
    assert token not in repr(list(BrowserSession.select().dicts()))
    assert sessions.user_of(token + "x", NOW) is None
    sessions.end(token)
    assert sessions.user_of(token, NOW) is None


def test_a_session_ends_a_week_after_its_last_request(grace: User) -> None:
    token = sessions.begin(grace, NOW)
    later = NOW + IDLE_FOR - SECOND
    assert sessions.user_of(token, later) == grace  # a look
    assert sessions.user_of(token, later + IDLE_FOR - SECOND) == grace
    assert sessions.user_of(token, later + 2 * IDLE_FOR) is None


def test_a_session_ends_after_a_month_in_any_case(grace: User) -> None:
    token = sessions.begin(grace, NOW)
    for days in range(30):
        assert sessions.user_of(token, NOW + timedelta(days=days)) == grace
    assert sessions.user_of(token, NOW + LASTS_FOR) is None
    sessions.begin(grace, NOW + LASTS_FOR)
    assert BrowserSession.select().count() == 1  # the old one is gone


def test_each_sign_in_deletes_a_batch_of_what_has_expired(grace: User) -> None:
    long_ago = NOW - LASTS_FOR
    rows = [
        {"token_hash": f"{number:064}", "user": grace, "started_at": long_ago, "seen_at": long_ago}
        for number in range(2 * ROWS_A_STATEMENT + 10)
    ]
    BrowserSession.insert_many(rows).execute()
    Attempt.insert_many([{"who": "x", "at": long_ago}] * (ROWS_A_STATEMENT + 10)).execute()
    sessions.begin(grace, NOW)
    attempts.spend([Limit(("try name", "here"), 5, LASTS_FOR)], NOW)
    assert (BrowserSession.select().count(), Attempt.select().count()) == (11, 13)  # with two from signing up


def test_requests_are_recorded_every_five_minutes_only(grace: User) -> None:
    token = sessions.begin(grace, NOW)
    sessions.user_of(token, NOW + NOTED_EVERY - SECOND)
    assert BrowserSession.get().seen_at == NOW
    sessions.user_of(token, NOW + NOTED_EVERY)
    assert BrowserSession.get().seen_at == NOW + NOTED_EVERY


def test_a_changed_password_signs_out_everywhere(grace: User) -> None:
    tokens = [sessions.begin(grace, NOW) for _ in range(3)]
    with pytest.raises(WrongPassword, match="current password"):
        accounts.change_password(grace, "wrong horse battery", "new horse battery", NOW)
    assert sessions.user_of(tokens[0], NOW) == grace
    accounts.change_password(grace, PASSWORD, "new horse battery", NOW)
    assert [sessions.user_of(token, NOW) for token in tokens] == [None] * 3
    assert accounts.sign_in("grace", "new horse battery", HOME, NOW) == grace


def test_a_sign_in_that_was_verified_before_the_password_changed_gets_no_session(grace: User) -> None:
    thief = accounts.sign_in("grace", PASSWORD, HOME, NOW)
    accounts.change_password(grace, PASSWORD, "new horse battery", NOW)
    with pytest.raises(WrongPassword):
        sessions.begin(thief, NOW)
    assert BrowserSession.select().count() == 0


def test_an_operator_who_sets_a_password_ends_sign_ins_under_way(grace: User) -> None:
    thief = accounts.sign_in("grace", PASSWORD, HOME, NOW)
    accounts.set_password(User.get_by_id(grace.id), "new horse battery")
    with pytest.raises(WrongPassword):
        sessions.begin(thief, NOW)


def test_of_two_who_change_a_password_at_once_one_succeeds(grace: User) -> None:
    other = User.get_by_id(grace.id)
    accounts.change_password(grace, PASSWORD, "new horse battery", NOW)
    token = sessions.begin(grace, NOW)
    with pytest.raises(WrongPassword, match="current password"):
        accounts.change_password(other, PASSWORD, "a third horse battery", NOW)
    assert sessions.user_of(token, NOW) == grace
    assert accounts.sign_in("grace", "new horse battery", HOME, NOW) == grace


def test_a_user_has_at_most_twenty_sessions_and_the_one_that_was_idle_for_longest_ends(grace: User) -> None:
    tokens = [sessions.begin(grace, NOW + number * SECOND) for number in range(20)]
    sessions.user_of(tokens[0], NOW + NOTED_EVERY)
    now = NOW + NOTED_EVERY
    newest = sessions.begin(grace, now)
    alive = [sessions.user_of(token, now) is not None for token in (*tokens, newest)]
    assert alive == [True, False, *[True] * 19]
