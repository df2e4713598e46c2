"""Passwords that came from a course site: how they are checked, and when they are replaced."""

import hashlib
import threading

import pytest

from cloud.auth import accounts, course_passwords, passwords, sessions
from cloud.errors import Overloaded, WrongPassword
from cloud.store.lamps import User
from tests.cloud.conftest import NOW
from tests.support.course_site import django_hash

PASSWORD = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
HOME = "192.0.2.7"


@pytest.fixture
def moved() -> User:
    made: User = User.create(name="ada", password_hash=django_hash(PASSWORD))
    return made


def test_a_hash_that_django_made_is_checked() -> None:
    kept = "pbkdf2_sha256$260000$seasalt$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo="  # of the tests of Django 3.2
    word = "l\N{LATIN SMALL LETTER E WITH GRAVE}tmein"
    assert passwords.fits(word, kept)
    assert not passwords.fits(word.upper(), kept)
    assert passwords.is_outdated(kept)


@pytest.mark.parametrize(
    "kept",
    [
        django_hash("x").replace("$1000$", "$2000001$"),
        django_hash("x").replace("$1000$", "$0$"),
        django_hash("x").replace("pbkdf2_sha256", "pbkdf2_sha1"),
        django_hash("x")[:-1],
        django_hash("x") + "\n",
        django_hash("x", salt="s" * 200),
    ],
)
def test_a_hash_that_could_cost_minutes_or_is_another_one_never_fits(
    kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", None)
    assert not course_passwords.is_course_hash(kept)
    assert not passwords.fits("x", kept)


def test_two_sign_ins_at_once_both_succeed(moved: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a double click on the button: both have checked the old hash before either replaces it."""
    both_checked = threading.Barrier(2)
    check = passwords.is_outdated

    def wait_and_check(kept: str) -> bool:
        both_checked.wait(15)
        return check(kept)

    monkeypatch.setattr(passwords, "is_outdated", wait_and_check)
    tokens: list[str] = []

    def sign_in() -> None:
        tokens.append(sessions.begin(accounts.sign_in("ada", PASSWORD, HOME, NOW), NOW))

    threads = [threading.Thread(target=sign_in) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 2


def test_a_password_that_was_changed_meanwhile_signs_no_one_in(moved: User, monkeypatch: pytest.MonkeyPatch) -> None:
    check = passwords.is_outdated

    def change_and_check(kept: str) -> bool:
        accounts.set_password(User.get_by_id(moved.id), "correct horse battery")
        return check(kept)

    monkeypatch.setattr(passwords, "is_outdated", change_and_check)
    with pytest.raises(WrongPassword):
        accounts.sign_in("ada", PASSWORD, HOME, NOW)


def test_checks_of_such_hashes_take_more_places_and_give_them_back(
    moved: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_places", threading.BoundedSemaphore(passwords.COURSE_PLACES - 1))
    for _ in range(2):
        with pytest.raises(Overloaded):
            accounts.sign_in("ada", PASSWORD, HOME, NOW)
    monkeypatch.setattr(passwords, "_places", threading.BoundedSemaphore(passwords.COURSE_PLACES))
    for _ in range(3):
        accounts.sign_in("ada", PASSWORD, HOME, NOW)
