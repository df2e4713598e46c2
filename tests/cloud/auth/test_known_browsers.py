"""Known browsers: strangers can't keep a user out of them, and a stolen token gives few guesses."""

from datetime import timedelta

import pytest

from cloud.auth import accounts
from cloud.auth.known_browsers import LASTS_FOR, MOST_USERS, BrowserTokens
from cloud.errors import TooManyAttempts, WrongPassword
from cloud.store.lamps import User
from tests.cloud.conftest import NOW

PASSWORD = "correct horse battery"
HOME, ELSEWHERE = "192.0.2.7", "203.0.113.9"
SECRET = "7d" * 32
NEW = BrowserTokens(secret=SECRET)
QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


@pytest.fixture
def grace() -> User:
    return accounts.sign_up("grace", PASSWORD, HOME, NOW)


@pytest.fixture
def known(grace: User) -> BrowserTokens:
    """Give the tokens of a browser in which Grace has signed in."""
    return sent_again(NEW.with_user(grace, NOW))


def sent_again(tokens: BrowserTokens, secret: str = SECRET) -> BrowserTokens:
    return BrowserTokens.parse(tokens.text, secret)


def fail(
    times: int, source: str, browser: BrowserTokens = NEW, name: str = "grace", after: timedelta = timedelta()
) -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            accounts.sign_in(name, "wrong horse battery", source, NOW + after, browser)


def is_stopped(browser: BrowserTokens, source: str, after: timedelta = timedelta()) -> bool:
    try:
        accounts.sign_in("grace", PASSWORD, source, NOW + after, browser)
    except TooManyAttempts:
        return True
    return False


def test_strangers_from_many_addresses_do_not_keep_a_user_out_of_a_known_browser(known: BrowserTokens) -> None:
    for number in range(20):
        fail(5, f"198.51.100.{number}")
    assert is_stopped(NEW, HOME)
    assert not is_stopped(known, HOME)


def test_strangers_at_the_same_address_do_not_either(known: BrowserTokens) -> None:
    fail(5, HOME)
    for number in range(25):
        fail(1, HOME, name=f"name{number}")
    assert is_stopped(NEW, HOME)
    assert not is_stopped(known, HOME)


def test_a_stolen_token_gives_five_guesses_a_quarter_and_twenty_a_day_from_any_address(known: BrowserTokens) -> None:
    for quarter in range(4):
        fail(5, f"198.51.100.{quarter}", known, after=quarter * QUARTER)
        assert is_stopped(known, ELSEWHERE, after=quarter * QUARTER)
    assert is_stopped(known, ELSEWHERE, after=12 * QUARTER)
    assert not is_stopped(known, HOME, after=timedelta(days=1, seconds=1))


def test_guesses_with_a_stolen_token_leave_its_owner_the_usual_limits_elsewhere(known: BrowserTokens) -> None:
    fail(5, ELSEWHERE, known)
    assert not is_stopped(NEW, ELSEWHERE)


def test_signing_in_gives_the_browser_attempts_that_a_copy_can_t_use_up(grace: User, known: BrowserTokens) -> None:
    renewed = sent_again(known.with_user(grace, NOW))
    fail(5, ELSEWHERE, known)
    assert is_stopped(known, HOME)
    assert not is_stopped(renewed, HOME)


def test_several_users_are_known_in_one_browser_each_under_a_name_of_its_own(grace: User, known: BrowserTokens) -> None:
    ada = accounts.sign_up("ada", PASSWORD, HOME, NOW)
    both = sent_again(known.with_user(ada, NOW))
    browsers = [both.browser_of(user, NOW) for user in (grace, ada)]
    assert None not in browsers
    assert len(set(browsers)) == 2
    assert known.browser_of(ada, NOW) is None


def test_so_many_users_are_known_in_a_browser_and_the_last_to_sign_in_stay(grace: User, known: BrowserTokens) -> None:
    others = [User(id=number, name=f"user{number}", password_hash="x") for number in range(100, 100 + MOST_USERS)]
    tokens = known
    for other in others[:-1]:
        tokens = sent_again(tokens.with_user(other, NOW))
    assert tokens.browser_of(grace, NOW) is not None
    tokens = sent_again(tokens.with_user(others[-1], NOW))
    assert tokens.browser_of(grace, NOW) is None
    assert tokens.browser_of(others[0], NOW) is not None
    assert len(tokens.text) < 1000


def test_a_user_who_signs_in_again_takes_no_other_s_place(grace: User, known: BrowserTokens) -> None:
    tokens = known
    for _ in range(MOST_USERS + 1):
        tokens = tokens.with_user(grace, NOW)
    assert len(tokens.tokens) == 1


def test_a_browser_is_known_for_a_year_after_the_last_sign_in(grace: User, known: BrowserTokens) -> None:
    assert known.browser_of(grace, NOW + LASTS_FOR - SECOND) is not None
    assert known.browser_of(grace, NOW + LASTS_FOR) is None


def test_a_token_from_the_future_is_none(grace: User, known: BrowserTokens) -> None:
    assert known.browser_of(grace, NOW - timedelta(days=1)) is None


def test_a_new_password_makes_the_tokens_invalid_whoever_sets_it(grace: User, known: BrowserTokens) -> None:
    accounts.change_password(grace, PASSWORD, "new horse battery", NOW)
    assert known.browser_of(grace, NOW) is None
    changed_here = sent_again(known.with_user(grace, NOW))
    assert changed_here.browser_of(grace, NOW) is not None
    accounts.set_password(grace, "a third horse battery")
    assert changed_here.browser_of(grace, NOW) is None


@pytest.mark.parametrize("place", [0, 5, 25, -1])
def test_a_token_that_was_changed_is_none(grace: User, known: BrowserTokens, place: int) -> None:
    letters = list(known.text)
    letters[place] = "7" if letters[place] != "7" else "8"
    assert BrowserTokens.parse("".join(letters), SECRET).browser_of(grace, NOW) is None


def test_a_token_that_was_signed_with_another_secret_is_none(grace: User, known: BrowserTokens) -> None:
    assert sent_again(known, "8e" * 32).browser_of(grace, NOW) is None


@pytest.mark.parametrize("text", ["", "~", "~" * 5000, "1.x.1.y", "\N{SUPERSCRIPT TWO}.", "x" * 4000, "1.2.3.4~" * 500])
def test_what_is_no_token_is_dropped(grace: User, text: str) -> None:
    tokens = BrowserTokens.parse(text, SECRET)
    assert tokens.browser_of(grace, NOW) is None
    assert len(tokens.with_user(grace, NOW).text) < 100


def test_tokens_reveal_neither_the_password_hash_nor_the_secret(grace: User, known: BrowserTokens) -> None:
    assert str(grace.password_hash) not in known.text
    assert SECRET not in repr(known)
