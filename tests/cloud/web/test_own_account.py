"""The account page: sessions, tokens, recovery codes."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from cloud.auth.api_tokens import bearer, make_token
from cloud.auth.recovery_codes import CODES, codes_left
from cloud.auth.sessions import BrowserSession
from cloud.store.lamps import User
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import BOTH_DATABASES, Clock
from tests.support.pages import PASSWORD, Reader

pytestmark = BOTH_DATABASES

CODE = re.compile(r"<li>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})</li>")
END = re.compile(r'action="(/account/sessions/[0-9a-f]{16}/end)"')
PHONE = (
    "Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)
NEW = "new horse battery"


@pytest.fixture
def ada_at_home(app: Flask) -> Reader:
    """Give a browser in which Ada has signed up."""
    reader = Reader(app)
    reader.sign_up()
    return reader


def codes_of(reader: Reader) -> list[str]:
    return CODE.findall(reader.send("/account/recovery-codes", {"current": PASSWORD}).html)


def recover(reader: Reader, code: str, name: str = "ada") -> int:
    return reader.send("/recover", {"name": name, "code": code, "new": NEW}).status


def test_it_lists_the_sessions_and_marks_this_one(app: Flask, ada_at_home: Reader, clock: Clock) -> None:
    clock.pass_by(timedelta(hours=1))
    away = Reader(app, "203.0.113.9")
    away.send("/sign-in", {"name": "ada", "password": PASSWORD}, headers={"User-Agent": PHONE})
    page = away.open("/account")
    assert re.search(
        r"Chrome on Android This browser Signed in 23 November 2026, 13:00 UTC Last seen 23 November 2026, 13:00 UTC "
        r"Sign out Unknown browser Signed in 23 November 2026, 12:00 UTC",
        page.text,
    )
    assert page.text.count("This browser") == 1


def test_a_session_that_is_ended_from_another_browser_is_dead_at_once(app: Flask, ada_at_home: Reader) -> None:
    thief = Reader(app, "203.0.113.9")
    thief.sign_in()
    assert thief.open("/lamps").status == 200
    own, other = sorted(END.findall(ada_at_home.open("/account").html), key=lambda path: path not in this(ada_at_home))
    answer = ada_at_home.send(other, page="/account")
    assert answer.location == "/account"
    assert "The session was ended." in ada_at_home.open("/account").text
    assert thief.open("/lamps").location == "/sign-in"
    assert thief.send_bare("/account/sessions/end-all", {}).status == 400
    assert ada_at_home.send(other, page="/account").status == 302
    assert "This session has already ended." in ada_at_home.open("/account").text
    assert ada_at_home.send(own, page="/account").location == "/sign-in"
    assert BrowserSession.select().count() == 0


def this(reader: Reader) -> list[str]:
    """Return the path that ends a reader's own session."""
    item = next(each for each in reader.open("/account").html.split("<li>") if "This browser" in each)
    return END.findall(item)


def test_a_session_of_another_user_can_t_be_ended(ada_at_home: Reader, as_bob: Reader) -> None:
    (path,) = END.findall(as_bob.open("/account").html)
    ada_at_home.send(path, page="/account")
    assert as_bob.open("/lamps").status == 200


def test_signing_out_everywhere_ends_every_session_of_the_user_alone(
    app: Flask, ada_at_home: Reader, as_bob: Reader
) -> None:
    other = Reader(app)
    other.sign_in()
    assert ada_at_home.send("/account/sessions/end-all", page="/account").location == "/sign-in"
    assert "You are signed out everywhere." in ada_at_home.open("/sign-in").text
    assert [reader.open("/lamps").status for reader in (ada_at_home, other, as_bob)] == [302, 302, 200]


def test_a_token_is_revoked_after_a_confirmation(as_ada: Reader, ada: User) -> None:
    token = make_token(ada, "The <b> desk", NOW)
    assert re.search(
        r"The <b> desk Created 23 November 2026, 12:00 UTC Never used Revoke", as_ada.open("/account").text
    )
    bearer(token, NOW)
    assert "Last used 23 November 2026" in as_ada.open("/account").text
    assert "Revoke the token “The <b> desk”?" in as_ada.open("/account/tokens/1/revoke").text
    assert bearer(token, NOW) == ada
    as_ada.send("/account/tokens/1/revoke")
    assert bearer(token, NOW) is None
    assert "The token The <b> desk was revoked." in as_ada.open("/account").text
    as_ada.open("/account/tokens/1/revoke")
    assert "This token has already been revoked." in as_ada.open("/account").text


def test_a_token_of_another_user_can_t_be_revoked(as_bob: Reader, ada: User) -> None:
    token = make_token(ada, "desk", NOW)
    as_bob.send("/account/tokens/1/revoke", page="/account")
    assert bearer(token, NOW) == ada


def test_recovery_codes_are_shown_once_after_the_password(ada_at_home: Reader) -> None:
    user = User.get()
    assert "You have no recovery codes." in ada_at_home.open("/account").text
    refused = ada_at_home.send("/account/recovery-codes", {"current": "wrong horse"})
    assert refused.status == 422
    assert "Incorrect current password." in refused.text
    assert codes_left(user) == 0
    assert len(codes_of(ada_at_home)) == CODES
    assert "Recovery codes left: 10 of 10" in ada_at_home.open("/account").text
    again = ada_at_home.open("/account/recovery-codes")
    assert CODE.findall(again.html) == []
    assert "The new codes replace the 10 that you still have." in again.text


def test_a_code_lets_in_with_a_new_password_and_signs_out_elsewhere(app: Flask, ada_at_home: Reader) -> None:
    codes = codes_of(ada_at_home)
    forgetful = Reader(app, "203.0.113.9")
    assert "Forgot your password?" in forgetful.open("/sign-in").text
    refused = forgetful.send("/recover", {"name": "ada", "code": codes[0], "new": "short"})
    assert (refused.status, "must have 10 to 200 characters" in refused.text) == (422, True)
    assert recover(forgetful, codes[0]) == 302
    page = forgetful.open("/lamps").text
    assert "Password changed. You are signed out everywhere else." in page
    assert "Recovery codes left: 9." in page
    assert ada_at_home.open("/lamps").location == "/sign-in"
    assert recover(Reader(app), codes[0]) == 422
    assert Reader(app).sign_in("ada", NEW).location == "/lamps"


def test_unknown_names_and_wrong_codes_get_the_same_page(app: Flask, ada_at_home: Reader, bob: User) -> None:
    codes_of(ada_at_home)
    pages = set()
    for name in ("ada", "bob", "nobody"):
        sent = Reader(app).send("/recover", {"name": name, "code": "0000-0000-0000-0000", "new": NEW})
        assert sent.status == 422
        pages.add(sent.text.replace(name, "NAME"))
    assert len(pages) == 1
    assert "Incorrect username or recovery code." in pages.pop()


def test_guesses_at_codes_say_when_to_come_back(app: Flask, ada_at_home: Reader, clock: Clock) -> None:
    codes = codes_of(ada_at_home)
    thief = Reader(app, "203.0.113.9")
    for _ in range(5):
        recover(thief, "0000-0000-0000-0000")
    refused = thief.send("/recover", {"name": "ada", "code": codes[0], "new": NEW})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "900")
    clock.pass_by(timedelta(minutes=15))
    assert recover(thief, codes[0]) == 302


def test_of_two_browsers_that_use_a_code_at_once_one_gets_in(app: Flask, ada_at_home: Reader) -> None:
    codes = codes_of(ada_at_home)
    readers = [Reader(app, f"203.0.113.{number}") for number in range(4)]
    forms = [reader.fields("/recover") for reader in readers]

    def send(reader: Reader, hidden: dict[str, str]) -> int:
        return reader.send_bare("/recover", hidden | {"name": "ada", "code": codes[0], "new": NEW}).status

    with ThreadPoolExecutor(len(readers)) as threads:
        statuses = list(threads.map(send, readers, forms))
    assert sorted(statuses) == [302, 422, 422, 422]
    assert sum(reader.open("/lamps").status == 200 for reader in readers) == 1
    assert codes_left(User.get()) == CODES - 1


def test_a_changed_password_can_remove_the_codes(ada_at_home: Reader) -> None:
    codes_of(ada_at_home)
    ada_at_home.send("/password", {"current": PASSWORD, "new": NEW, "remove_keys": "y"})
    assert "Your passkeys and recovery codes were removed." in ada_at_home.open("/lamps").text
    assert codes_left(User.get()) == 0
