"""Accounts: sign-up, sign-in, and the limits on attempts."""

from datetime import timedelta
from typing import Literal
from unittest.mock import Mock

import pytest
from argon2 import PasswordHasher

from cloud.auth import accounts, passwords
from cloud.db.database import connect_database, write_transaction
from cloud.errors import BadPassword, BadUserName, Overloaded, TooManyAttempts, WrongPassword
from cloud.rate_limit.attempts import Attempt, Limit
from cloud.services.claiming import add_user
from cloud.store.lamps import User
from tests.cloud.conftest import NOW
from tests.support.networks import NEIGHBOURS, sources_in

PASSWORD = "correct horse battery"
HOME = "192.0.2.7"
SECOND = timedelta(seconds=1)
QUARTER = timedelta(minutes=15)


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


INVISIBLE = "\u034f\u115f\u1160\u17b4\u180b\u200c\u200d\u2060\u3164\ufe00\ufe0f\uffa0\U000e0100"
"""Joiners, fillers, variation selectors, and others that are drawn as nothing."""


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("aca", "\N{CYRILLIC SMALL LETTER A}\N{CYRILLIC SMALL LETTER ES}\N{CYRILLIC SMALL LETTER A}"),
        ("alice", "AIice"),
        ("alice", "a1ice"),
        ("oscar", "0scar"),
        ("arno", "amo"),
        ("soren", "s\N{LATIN SMALL LETTER O WITH STROKE}ren"),
        ("ada", "ada\N{COMBINING DOT BELOW}"),
        ("papa", "\N{GREEK SMALL LETTER RHO}\N{GREEK SMALL LETTER ALPHA}" * 2),
        ("\N{ARABIC LETTER ALEF}\N{ARABIC LETTER ALEF}\N{ARABIC LETTER ALEF}", "lll"),
    ],
)
def test_a_name_that_looks_like_anothers_is_taken(name: str, other: str) -> None:
    for first, second in ((name, other), (other, name)):
        accounts.sign_up(first, PASSWORD, HOME, NOW)
        with pytest.raises(BadUserName, match="is taken"):
            accounts.sign_up(second, PASSWORD, HOME, NOW)
        User.delete().execute()


def test_a_name_that_looks_like_an_operators_user_is_taken() -> None:
    add_user("\N{CYRILLIC SMALL LETTER A}\N{CYRILLIC SMALL LETTER DE}a")
    add_user("ad\N{COMBINING GRAPHEME JOINER}a")
    with pytest.raises(BadUserName, match="is taken"):
        accounts.sign_up("ada", PASSWORD, HOME, NOW)


@pytest.mark.parametrize(
    ("name", "other"), [("jury", "juru"), ("\u05d3\u05d5\u05d3", "\u05d3\u05d3"), ("がく", "かく"), ("김", "긴")]
)
def test_names_that_differ_visibly_are_both_free(name: str, other: str) -> None:
    for each in (f"{name}2", f"{other}2"):
        accounts.sign_up(each, PASSWORD, HOME, NOW)


def test_users_whose_names_look_alike_already_can_still_sign_in() -> None:
    latin, cyrillic = add_user("aca"), add_user("\N{CYRILLIC SMALL LETTER A}c\N{CYRILLIC SMALL LETTER A}")
    for user in (latin, cyrillic):
        accounts.set_password(user, f"{PASSWORD} {user.id}")
        assert accounts.sign_in(user.name, f"{PASSWORD} {user.id}", HOME, NOW) == user


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a", "a" * 41, "a b", "a\nb", "a\0b", "<b>ada</b>", "../ada", "ada\ud800"),
        *("ada\N{RIGHT-TO-LEFT OVERRIDE}", "p\N{CYRILLIC SMALL LETTER A}ypal", "\N{ZERO WIDTH SPACE}ada"),
        "\N{GRINNING FACE}\N{GRINNING FACE}",
        *(f"ad{character}a" for character in INVISIBLE),
        *("\u3164\u3164", "\u2800\u2800", "\u0301\u0301", "__", "\u0301ada"),
        *("ada\u0336\u0336", "ad\u0302\u0303\u0304\u0305\u0306a", "\u05d3\u05d5\u05d3-", "1\u05d3\u05d5\u05d3"),
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


def test_a_sign_in_is_refused_without_the_write_lock(grace: User, database_url: str) -> None:
    """Many refusals at once would otherwise hold up the daemon, which waits for a second and then fails."""
    for _ in range(5):
        try_in_vain("grace")
    other = connect_database(database_url)
    with write_transaction(other), pytest.raises(TooManyAttempts):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)
    other.close()


def test_right_passwords_do_not_count_as_wrong_ones(grace: User) -> None:
    for _ in range(50):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)
    for _ in range(5):
        try_in_vain("grace")


@pytest.mark.slow
@pytest.mark.usefixtures("quick_hashes")
def test_an_account_signs_in_so_often_an_hour_and_no_more(grace: User) -> None:
    for number in range(100):
        accounts.sign_in("grace", PASSWORD, f"192.0.2.{number}", NOW)
    with pytest.raises(TooManyAttempts, match="in 60 minutes"):
        accounts.sign_in("GRACE", PASSWORD, HOME, NOW)
    accounts.sign_in("grace", PASSWORD, HOME, NOW + timedelta(hours=1))


@pytest.mark.slow
@pytest.mark.usefixtures("quick_hashes")
def test_from_an_address_so_many_sign_in_an_hour_and_no_more(grace: User) -> None:
    for number in range(5):
        accounts.sign_up(f"name{number}", PASSWORD, HOME, NOW)
        for _ in range(100):
            accounts.sign_in(f"name{number}", PASSWORD, HOME, NOW)
    with pytest.raises(TooManyAttempts):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)
    accounts.sign_in("grace", PASSWORD, "192.0.2.8", NOW)


@pytest.mark.parametrize("step", ["fits", "hashed"])
def test_a_password_change_that_found_too_many_waiting_is_not_counted(
    ada: User, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    accounts.set_password(ada, PASSWORD)
    with monkeypatch.context() as busy:
        busy.setattr(passwords, step, Mock(side_effect=Overloaded))
        for _ in range(20):
            with pytest.raises(Overloaded):
                accounts.change_password(ada, PASSWORD, "another good one", NOW)
    accounts.change_password(ada, PASSWORD, "another good one", NOW)


def test_a_sign_in_that_finds_too_many_waiting_is_not_counted(grace: User, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Attempt.select().count()
    monkeypatch.setattr(passwords, "fits", Mock(side_effect=Overloaded))
    for _ in range(10):
        with pytest.raises(Overloaded):
            accounts.sign_in("grace", PASSWORD, HOME, NOW)
    assert Attempt.select().count() == before


def test_a_sign_up_that_finds_too_many_waiting_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as waiting:
        waiting.setattr(passwords, "hashed", Mock(side_effect=Overloaded))
        for number in range(20):
            with pytest.raises(Overloaded):
                accounts.sign_up(f"name{number}", PASSWORD, HOME, NOW)
    accounts.sign_up("one-more", PASSWORD, HOME, NOW)


def test_a_right_password_is_enough_where_its_hash_can_not_be_replaced(
    grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "is_outdated", Mock(return_value=True))
    monkeypatch.setattr(passwords, "hashed", Mock(side_effect=Overloaded))
    assert accounts.sign_in("grace", PASSWORD, HOME, NOW) == grace


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


WIDER = pytest.mark.parametrize(("bits", "times"), [(56, 2), (48, 5)])


@WIDER
@pytest.mark.slow
@pytest.mark.usefixtures("quick_hashes")
def test_a_wider_network_makes_so_many_accounts_an_hour_and_no_more(bits: int, times: int) -> None:
    sources = sources_in(bits)
    for number in range(20 * times):
        accounts.sign_up(f"name{number}", PASSWORD, sources[number], NOW)
    with pytest.raises(TooManyAttempts):
        accounts.sign_up("one-more", PASSWORD, sources[-1], NOW)
    accounts.sign_up("one-more", PASSWORD, NEIGHBOURS[bits], NOW)


@WIDER
@pytest.mark.slow
@pytest.mark.usefixtures("quick_hashes")
def test_a_wider_network_that_tries_many_names_is_stopped(grace: User, bits: int, times: int) -> None:
    sources = sources_in(bits)
    for number in range(30 * times):
        try_in_vain(f"name{number}", sources[number])
    with pytest.raises(TooManyAttempts):
        accounts.sign_in("grace", PASSWORD, sources[-1], NOW)
    assert accounts.sign_in("grace", PASSWORD, NEIGHBOURS[bits], NOW) == grace


@pytest.mark.usefixtures("quick_hashes")
def test_a_wider_network_learns_so_many_taken_names_an_hour_and_no_more(grace: User) -> None:
    sources, counted = sources_in(56), Limit(("try name", "2001:db8:1::/56"), 0, timedelta(hours=1))
    Attempt.insert_many([{"who": counted.key, "at": NOW}] * (2 * 200 - 1)).execute()
    with pytest.raises(BadUserName, match="is taken"):
        accounts.sign_up("grace", PASSWORD, sources[0], NOW)
    with pytest.raises(TooManyAttempts):
        accounts.sign_up("grace", PASSWORD, sources[1], NOW)


def test_what_was_tried_is_not_kept_and_is_forgotten(grace: User) -> None:
    try_in_vain("my secret password")
    assert "secret" not in repr(list(Attempt.select().dicts()))
    later = NOW + timedelta(days=1, seconds=1)
    accounts.sign_in("grace", PASSWORD, HOME, later)
    assert {attempt.at for attempt in Attempt.select()} == {later}


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


def test_the_current_password_can_not_be_guessed_from_a_page_that_was_left_open(grace: User) -> None:
    for _ in range(5):
        with pytest.raises(WrongPassword):
            accounts.change_password(grace, "wrong horse battery", "new horse battery", NOW)
    with pytest.raises(TooManyAttempts):
        accounts.change_password(grace, PASSWORD, "new horse battery", NOW)


@pytest.mark.usefixtures("quick_hashes")
def test_a_password_is_changed_ten_times_an_hour_and_no_more(grace: User) -> None:
    for number in range(10):
        accounts.change_password(
            grace, PASSWORD if number == 0 else f"horse battery {number - 1}", f"horse battery {number}", NOW
        )
    with pytest.raises(TooManyAttempts, match="Try again in 60 minutes") as refused:
        accounts.change_password(grace, "horse battery 9", PASSWORD, NOW)
    assert refused.value.retry_after == timedelta(hours=1)
    accounts.set_password(grace, PASSWORD)  # an operator isn't limited
    accounts.change_password(grace, PASSWORD, "new horse battery", NOW + timedelta(hours=1))


@pytest.mark.usefixtures("quick_hashes")
def test_changes_that_fail_are_not_counted_as_changes(grace: User) -> None:
    for quarters in range(4):
        for _ in range(3):
            with pytest.raises(WrongPassword):
                accounts.change_password(grace, "wrong horse battery", "new horse battery", NOW + quarters * QUARTER)
            with pytest.raises(BadPassword):
                accounts.change_password(grace, PASSWORD, "short", NOW)
    accounts.change_password(grace, PASSWORD, "new horse battery", NOW + 3 * QUARTER)


def test_a_password_hash_with_outdated_parameters_is_replaced(grace: User, monkeypatch: pytest.MonkeyPatch) -> None:
    before = grace.password_hash
    monkeypatch.setattr(passwords._hasher, "_parameters", PasswordHasher(time_cost=1)._parameters)
    assert accounts.sign_in("grace", PASSWORD, HOME, NOW).password_hash != before


def test_a_damaged_password_hash_matches_nothing(grace: User) -> None:
    User.update(password_hash="spoilt").execute()
    try_in_vain("grace")
