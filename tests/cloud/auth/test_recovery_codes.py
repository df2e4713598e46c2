"""Recovery codes: each good once, for its user alone, and guesses at them bounded."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from cloud.auth import accounts, passwords, recovery_codes, sessions
from cloud.auth.known_browsers import BrowserTokens
from cloud.auth.recovery_codes import CODES, RecoveryCode, codes_left, make_codes
from cloud.errors import BadPassword, Overloaded, TooManyAttempts, WrongPassword, WrongRecoveryCode
from cloud.rate_limit.attempts import Attempt
from cloud.store.audit_log import Selection, read
from cloud.store.lamps import User
from tests.cloud.auth.conftest import HOME, PASSWORD
from tests.cloud.conftest import NOW
from tests.support.course_site import django_hash

NEW = "new horse battery"
WRONG = "0000-0000-0000-0000"


@pytest.fixture
def codes(grace: User) -> list[str]:
    return make_codes(grace, NOW, HOME)


def recover(code: str, name: str = "grace", source: str = HOME, after: timedelta = timedelta()) -> User:
    return accounts.recover(name, code, NEW, source, NOW + after)


def test_a_code_sets_a_new_password_and_ends_all_sessions(grace: User, codes: list[str]) -> None:
    token = sessions.begin(grace, NOW)
    assert recover(codes[3]) == grace
    assert sessions.user_of(token, NOW) is None
    assert accounts.sign_in("grace", NEW, HOME, NOW) == grace
    with pytest.raises(WrongPassword):
        accounts.sign_in("grace", PASSWORD, HOME, NOW)
    assert codes_left(grace) == CODES - 1


def test_ten_different_codes_are_made_and_only_digests_are_kept(grace: User, codes: list[str]) -> None:
    assert len(set(codes)) == CODES == codes_left(grace)
    kept = repr(list(RecoveryCode.select().dicts()))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_a_code_is_read_as_people_write_it(grace: User, codes: list[str]) -> None:
    assert recover(f" {codes[0].upper().replace('-', ' ')} ")
    assert recover(codes[1].replace("0", "O").replace("1", "l"))


def test_a_code_works_once(grace: User, codes: list[str]) -> None:
    recover(codes[0])
    with pytest.raises(WrongRecoveryCode):
        recover(codes[0])
    assert recover(codes[1]) == grace


def test_of_two_who_use_a_code_at_once_one_succeeds(grace: User, codes: list[str]) -> None:
    hashed = passwords.hashed

    def meanwhile(password: str) -> str:
        with patch.object(passwords, "hashed", hashed):
            accounts.recover("grace", codes[0], "the first horse", HOME, NOW)
        return hashed(password)

    with patch.object(passwords, "hashed", meanwhile), pytest.raises(WrongRecoveryCode):
        recover(codes[0])
    assert accounts.sign_in("grace", "the first horse", HOME, NOW) == grace


def test_new_codes_replace_the_old_ones_even_for_a_recovery_under_way(grace: User, codes: list[str]) -> None:
    hashed = passwords.hashed

    def meanwhile(password: str) -> str:
        make_codes(grace, NOW, HOME)
        return hashed(password)

    with patch.object(passwords, "hashed", meanwhile), pytest.raises(WrongRecoveryCode):
        recover(codes[0])
    with pytest.raises(WrongRecoveryCode):
        recover(codes[1])
    assert codes_left(grace) == CODES
    assert accounts.sign_in("grace", PASSWORD, HOME, NOW) == grace


def test_a_code_of_another_user_is_none(codes: list[str], bob: User) -> None:
    with pytest.raises(WrongRecoveryCode):
        recover(codes[0], "bob")
    assert recover(codes[0])


def test_codes_are_not_made_for_who_verified_a_password_that_was_changed_since(grace: User) -> None:
    thief = User.get_by_id(grace.id)
    accounts.require_password(thief, PASSWORD, NOW)
    accounts.change_password(grace, PASSWORD, NEW, NOW)
    with pytest.raises(WrongPassword):
        make_codes(thief, NOW, HOME)
    assert codes_left(grace) == 0


def test_a_sign_in_that_was_verified_before_a_recovery_gets_no_session(grace: User, codes: list[str]) -> None:
    thief = accounts.sign_in("grace", PASSWORD, HOME, NOW)
    recover(codes[0])
    with pytest.raises(WrongPassword):
        sessions.begin(thief, NOW)


def test_unknown_names_and_wrong_codes_get_the_same_error_after_the_same_queries(
    codes: list[str], bob: User, database: object
) -> None:
    asked = {}
    for name in ("grace", "bob", "nobody"):
        with patch.object(database, "execute_sql", side_effect=database.execute_sql) as execute:  # type: ignore[attr-defined]
            with pytest.raises(WrongRecoveryCode, match=r"^Incorrect username or recovery code\.$"):
                recover(WRONG, name)
            asked[name] = [call.args[0] for call in execute.call_args_list]
    assert asked["grace"] == asked["bob"] == asked["nobody"]


def test_guesses_are_bounded_as_those_at_passwords_are(codes: list[str]) -> None:
    for number in range(20):
        for _ in range(5):
            with pytest.raises(WrongRecoveryCode):
                recover(WRONG, source=f"198.51.100.{number}")
        with pytest.raises(TooManyAttempts):
            recover(codes[0], source=f"198.51.100.{number}")
    with pytest.raises(TooManyAttempts):
        recover(codes[0])
    assert recover(codes[0], after=timedelta(hours=1))


def test_strangers_do_not_keep_a_user_from_recovering_in_a_known_browser(grace: User, codes: list[str]) -> None:
    browser = BrowserTokens(secret="7d" * 32).with_user(grace, NOW)
    for _ in range(5):
        with pytest.raises(WrongRecoveryCode):
            recover(WRONG)
    with pytest.raises(TooManyAttempts):
        recover(codes[0])
    assert accounts.recover("grace", codes[0], NEW, HOME, NOW, browser=browser) == grace
    assert browser.browser_of(User.get_by_id(grace.id), NOW) is None  # as after every change of the password


def test_what_does_not_fail_by_a_wrong_code_is_not_counted(grace: User, codes: list[str]) -> None:
    before = Attempt.select().count()
    with pytest.raises(BadPassword):
        accounts.recover("grace", codes[0], "short", HOME, NOW)
    with patch.object(passwords, "hashed", side_effect=Overloaded), pytest.raises(Overloaded):
        recover(codes[0])
    assert Attempt.select().count() == before
    assert recover(codes[0]) == grace


def test_codes_are_made_ten_times_an_hour(grace: User) -> None:
    for _ in range(10):
        make_codes(grace, NOW, HOME)
    with pytest.raises(TooManyAttempts):
        make_codes(grace, NOW, HOME)


@pytest.mark.parametrize("typed", ["", " ", "\0", "x" * 5000, "\ud800", "0" * 16])
def test_anything_may_be_typed(codes: list[str], typed: str) -> None:
    with pytest.raises(WrongRecoveryCode):
        recover(typed)
    with pytest.raises(WrongRecoveryCode):
        recover(WRONG, typed)


def test_the_history_names_who_made_codes_and_who_used_one(codes: list[str]) -> None:
    recover(codes[0], source="203.0.113.9")
    rows = [(row.event, row.user_name, row.source) for row in read(Selection())][1:]
    assert rows == [("recovery codes made", "Grace", HOME), ("account recovered", "Grace", "203.0.113.9")]


def test_a_change_of_the_password_can_remove_them(grace: User, codes: list[str]) -> None:
    accounts.change_password(grace, PASSWORD, NEW, NOW)
    assert codes_left(grace) == CODES
    accounts.change_password(grace, NEW, PASSWORD, NOW, remove_keys=True)
    assert codes_left(grace) == 0


def test_a_user_from_a_course_site_makes_and_uses_codes(grace: User) -> None:
    User.update(password_hash=django_hash(PASSWORD)).where(User.id == grace.id).execute()
    imported = User.get_by_id(grace.id)
    accounts.require_password(imported, PASSWORD, NOW)
    assert recover(make_codes(imported, NOW, HOME)[0]) == imported
    assert not passwords.is_outdated(User.get_by_id(grace.id).password_hash)
    assert accounts.sign_in("grace", NEW, HOME, NOW) == imported


def test_the_codes_of_a_deleted_user_are_deleted(grace: User, codes: list[str]) -> None:
    grace.delete_instance()
    assert recovery_codes.RecoveryCode.select().count() == 0
