"""Accounts: sign-up, sign-in, and the limits on attempts."""

from datetime import timedelta
from typing import Literal

import peewee
import pytest
from argon2 import PasswordHasher

from cloud.auth import accounts, passwords, sessions
from cloud.auth.sessions import IDLE_FOR, LASTS_FOR, NOTED_EVERY, BrowserSession
from cloud.errors import BadPassword, BadUserName, TooManyAttempts, WrongPassword
from cloud.rate_limit.attempts import Attempt
from cloud.services.claiming import add_user
from cloud.store.lamps import User
from tests.cloud.conftest import NOW

PASSWORD = "correct horse battery"
HOME = "192.0.2.7"
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def opened(database: peewee.Database) -> None:
    """Give each test the database, also those that name nothing of it."""


@pytest.fixture
def grace() -> User:
    return accounts.sign_up("Grace", PASSWORD, HOME, NOW)


def try_in_vain(name: str, source: str = HOME) -> None:
    with pytest.raises(WrongPassword):
        accounts.sign_in(name, "wrong horse battery", source, NOW)


def test_who_signed_up_can_sign_in_under_any_case(grace: User) -> None:
    assert accounts.sign_in("gRACE", PASSWORD, HOME, NOW) == grace
    assert accounts.sign_in(" \N{FULLWIDTH LATIN CAPITAL LETTER G}race ", PASSWORD, HOME, NOW) == grace
    assert PASSWORD not in repr(User.select().dicts().get())


def test_a_password_is_the_same_however_a_keyboard_composes_it() -> None:
    made = accounts.sign_up("ada", "caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait", HOME, NOW)
    assert accounts.sign_in("ada", "cafe\N{COMBINING ACUTE ACCENT} au lait", HOME, NOW) == made


@pytest.mark.parametrize("name", ["grace", "GRACE", "\N{FULLWIDTH LATIN CAPITAL LETTER G}race", " Grace "])
def test_a_name_that_is_anothers_but_for_its_form_is_taken(grace: User, name: str) -> None:
    with pytest.raises(BadUserName, match="is taken"):
        accounts.sign_up(name, PASSWORD, HOME, NOW)


def test_a_name_that_an_operator_gave_is_taken_too(bob: User) -> None:
    with pytest.raises(BadUserName, match="is taken"):
        accounts.sign_up("BOB", PASSWORD, HOME, NOW)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a", "a" * 41, "a b", "a\nb", "a\0b", "<b>ada</b>", "../ada", "ada\ud800"),
        *("ada\N{RIGHT-TO-LEFT OVERRIDE}", "p\N{CYRILLIC SMALL LETTER A}ypal", "\N{ZERO WIDTH SPACE}ada"),
        "\N{GRINNING FACE}\N{GRINNING FACE}",
    ],
)
def test_invalid_names_are_refused(name: str) -> None:
    with pytest.raises(BadUserName):
        accounts.sign_up(name, PASSWORD, HOME, NOW)
    assert User.select().count() == 0


@pytest.mark.parametrize(
    "name",
    [
        *("ada", "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}", "мария", "さくら日本", "हिन्दी", "a.b-c_9"),
        *("佐々木", "ユーザー", "漢字한글", "ひらカナ", "注音ㄅㄆ", "עברית", "العربية"),
    ],
)
def test_names_of_all_languages_are_taken(name: str) -> None:
    made = accounts.sign_up(name, PASSWORD, HOME, NOW)
    assert accounts.sign_in(name, PASSWORD, HOME, NOW) == made


def test_taken_names_do_not_lock_a_class_out() -> None:
    """Thirty behind one address, half of whom first try the name of another."""
    for number in range(20):
        accounts.sign_up(f"pupil{number}", PASSWORD, HOME, NOW)
        if number < 15:
            with pytest.raises(BadUserName, match="is taken"):
                accounts.sign_up("pupil0", PASSWORD, HOME, NOW)
    with pytest.raises(TooManyAttempts):
        accounts.sign_up("pupil20", PASSWORD, HOME, NOW)


@pytest.mark.parametrize("password", ["", "short", "x" * 201, "aaaaaaaaaaaa", "grace-hopper"])
def test_invalid_passwords_are_refused(password: str) -> None:
    with pytest.raises(BadPassword) as refused:
        accounts.sign_up("grace-hopper", password, HOME, NOW)
    assert not password or password not in str(refused.value)


def test_the_error_does_not_reveal_what_was_wrong(grace: User, bob: User) -> None:
    """Bob was made by an operator and has no password yet."""
    for name in ("grace", "bob", "nobody", "", "\0", "a" * 5000):
        try_in_vain(name)


def test_a_refusal_takes_the_same_time(grace: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes one hash with the same parameters, which takes nearly all of the time."""
    reckoned: list[str] = []

    class Noting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            reckoned.append(str(hash).rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Noting(2, 19 * 1024, 1))
    for name in ("grace", "bob", "nobody", "\0"):
        try_in_vain(name)
    assert len(reckoned) == 4
    assert len(set(reckoned)) == 1


def test_a_user_without_a_password_gets_in_with_none_until_one_is_set(bob: User) -> None:
    for password in ("", "None", passwords._placeholder_hash, "a password that nobody has, for names that nobody has"):
        with pytest.raises(WrongPassword):
            accounts.sign_in("bob", password, HOME, NOW)
    accounts.set_password(bob, PASSWORD)
    assert accounts.sign_in("bob", PASSWORD, HOME, NOW) == bob


def test_of_two_operators_users_who_differ_in_case_each_is_the_one_called_exactly_so() -> None:
    small, large = add_user("eve"), add_user("Eve")
    for user in (small, large):
        accounts.set_password(user, f"{PASSWORD} {user.id}")
    assert accounts.sign_in("Eve", f"{PASSWORD} {large.id}", HOME, NOW) == large
    assert accounts.sign_in("eve", f"{PASSWORD} {small.id}", HOME, NOW) == small
    try_in_vain("EVE")


def test_five_wrong_passwords_and_then_not_even_the_right_one(grace: User) -> None:
    for _ in range(5):
        try_in_vain("grace")
    with pytest.raises(TooManyAttempts, match="in 15 minutes") as refused:
        accounts.sign_in("GRACE", PASSWORD, HOME, NOW)
    assert refused.value.retry_after == timedelta(minutes=15)
    accounts.sign_in("grace", PASSWORD, "192.0.2.8", NOW)  # its owner, who is elsewhere, gets in
    accounts.sign_in("grace", PASSWORD, HOME, NOW + timedelta(minutes=15))


def test_right_passwords_do_not_count(grace: User) -> None:
    for _ in range(50):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)
    assert Attempt.select().count() == 2  # having tried a name, and having signed up


def test_an_address_that_tries_many_names_is_stopped(grace: User) -> None:
    for number in range(30):
        try_in_vain(f"name{number}")
    with pytest.raises(TooManyAttempts):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)


def test_a_name_that_many_addresses_try_is_stopped(grace: User) -> None:
    for number in range(100):
        try_in_vain("grace", source=f"198.51.100.{number}")
    with pytest.raises(TooManyAttempts):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)


def test_an_address_makes_so_many_accounts_an_hour_and_no_more() -> None:
    for number in range(20):
        accounts.sign_up(f"name{number}", PASSWORD, HOME, NOW)
    with pytest.raises(TooManyAttempts):
        accounts.sign_up("one-more", PASSWORD, HOME, NOW)
    accounts.sign_up("one-more", PASSWORD, HOME, NOW + timedelta(hours=1))


def test_what_was_tried_is_not_kept_and_is_forgotten(grace: User) -> None:
    try_in_vain("my secret password")
    assert "secret" not in repr(list(Attempt.select().dicts()))
    accounts.sign_in("grace", PASSWORD, HOME, NOW + timedelta(days=1, seconds=1))
    assert Attempt.select().count() == 0


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


def test_an_outdated_hash_that_is_replaced_never_brings_the_old_password_back(
    grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed_meanwhile(_kept: str) -> bool:
        accounts.set_password(User.get_by_id(grace.id), "new horse battery")
        return True

    monkeypatch.setattr(passwords, "is_outdated", changed_meanwhile)
    with pytest.raises(WrongPassword):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)
    monkeypatch.undo()
    assert accounts.sign_in("grace", "new horse battery", HOME, NOW) == grace


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


def test_the_current_password_can_not_be_guessed_from_a_page_that_was_left_open(grace: User) -> None:
    for _ in range(5):
        with pytest.raises(WrongPassword):
            accounts.change_password(grace, "wrong horse battery", "new horse battery", NOW)
    with pytest.raises(TooManyAttempts):
        accounts.change_password(grace, PASSWORD, "new horse battery", NOW)


def test_a_password_hash_with_outdated_parameters_is_replaced(grace: User, monkeypatch: pytest.MonkeyPatch) -> None:
    before = grace.password_hash
    monkeypatch.setattr(passwords._hasher, "_parameters", PasswordHasher(time_cost=1)._parameters)
    assert accounts.sign_in("grace", PASSWORD, HOME, NOW).password_hash != before


def test_a_damaged_password_hash_matches_nothing(grace: User) -> None:
    User.update(password_hash="spoilt").execute()
    try_in_vain("grace")
