"""The pages for accounts."""

import threading
from datetime import timedelta

import peewee
import pytest
from flask import Flask

from cloud.auth import accounts, passwords
from cloud.auth.api_tokens import bearer, make_token
from cloud.auth.sessions import IDLE_FOR, LASTS_FOR, BrowserSession
from cloud.store.audit_log import Selection, read
from cloud.store.lamps import User
from cloud.web.app import create_app
from cloud.web.settings import WebSettings
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import Clock
from tests.support.pages import HOME, Reader

PASSWORD = "correct horse battery"


def test_sign_up_lets_in_and_sign_out_lets_out(reader: Reader) -> None:
    assert reader.open("/lamps").location == "/sign-in"
    assert reader.sign_up().location == "/lamps"
    assert "No lamps yet" in reader.open("/lamps").text
    assert reader.send("/sign-out", page="/lamps").location == "/sign-in"
    assert "You are signed out." in reader.open("/sign-in").text
    assert reader.open("/lamps").location == "/sign-in"
    assert BrowserSession.select().count() == 0
    assert reader.sign_in("ADA").location == "/lamps"


def test_a_page_that_can_t_check_more_passwords_says_when_to_try_again(
    app: Flask, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_places", threading.BoundedSemaphore(1))
    with passwords._places:
        answer = Reader(app).sign_in("ada")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "Too many people are signing in. Try again in a few seconds." in answer.text
    assert Reader(app).sign_in("ada").status == 422


def test_home_redirects_to_lamps_or_sign_in(reader: Reader, as_ada: Reader) -> None:
    assert reader.open("/").location == "/sign-in"
    assert as_ada.open("/").location == "/lamps"
    for page in ("/sign-in", "/sign-up"):
        assert as_ada.open(page).location == "/lamps"


def test_sign_in_redirects_to_the_requested_page(reader: Reader) -> None:
    reader.open("/password")
    assert "Sign in to continue." in reader.open("/sign-in").text
    assert reader.sign_up().location == "/password"


@pytest.mark.parametrize("path", [f"/lamps/{name}/yours" for name in ("%0a", "a%0d%0ab", "%00", "%e2%80%a8")])
def test_a_path_that_no_header_can_have_is_not_gone_to_after_signing_in(reader: Reader, path: str) -> None:
    reader.sign_up()
    reader.send("/sign-out", page="/lamps")
    reader.open(path)
    assert reader.sign_in().location == "/lamps"


@pytest.mark.parametrize(
    ("name", "password", "said", "beside"),
    [
        ("", PASSWORD, "A username must have 2 to 40 characters", "name"),
        ("a b", PASSWORD, "A username can contain only letters", "name"),
        ("ada", "short", "A password must have 10 to 200 characters", "password"),
        ("x" * 5000, PASSWORD, "2 to 40 characters", "name"),
        ("ada", "x" * 5000, "10 to 200 characters", "password"),
        ("\0\ufffd", PASSWORD, "A username can contain only letters", "name"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    reader: Reader, name: str, password: str, said: str, beside: str
) -> None:
    refused = reader.sign_up(name, password)
    assert refused.status == 422
    assert said in refused.text
    assert f'aria-describedby="{beside}-hint {beside}-wrong"' in refused.html
    assert password not in refused.html
    assert User.select().count() == 0


@pytest.mark.parametrize("page", ["/sign-in", "/sign-up"])
def test_fields_that_do_not_come_are_empty(reader: Reader, page: str) -> None:
    assert reader.send(page).status == 422
    assert reader.send(page, {"name": "ada"}).status == 422


def test_html_in_a_name_is_a_name(reader: Reader) -> None:
    refused = reader.sign_up("<script>alert(1)</script>")
    assert "<script>alert" not in refused.html
    assert "&lt;script&gt;alert" in refused.html


def test_bytes_that_are_no_text_are_refused(reader: Reader) -> None:
    token = reader.token_of("/sign-up")
    body = f"csrf_token={token}&name=%ff%fe&password=%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff".encode()
    refused = reader.send_bare("/sign-up", body, content_type="application/x-www-form-urlencoded")
    assert refused.status == 422
    assert User.select().count() == 0


def test_unknown_names_and_wrong_passwords_get_the_same_error(reader: Reader, bob: User) -> None:
    """Bob has no password."""
    Reader(reader.app).sign_up()
    answers = {name: reader.sign_in(name, "wrong horse battery") for name in ("ada", "bob", "nobody")}
    texts = {answer.text.replace(name, "NAME") for name, answer in answers.items()}
    assert {answer.status for answer in answers.values()} == {422}
    assert len(texts) == 1
    assert "Incorrect username or password." in texts.pop()


def test_too_many_tries_say_when_to_come_back(reader: Reader, clock: Clock) -> None:
    Reader(reader.app).sign_up()
    for _ in range(5):
        reader.sign_in("ada", "wrong horse battery")
    refused = reader.sign_in()
    assert (refused.status, refused.headers["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes." in refused.text
    clock.pass_by(timedelta(minutes=15))
    assert reader.sign_in().status == 302


def test_a_closed_sign_up_is_not_there(database: peewee.Database, database_url: str, clock: Clock) -> None:
    reader = Reader(create_app(WebSettings(database_url, sign_up_open=False), now=clock))
    assert "Create an account" not in reader.open("/sign-in").text
    assert reader.open("/sign-up").status == 404
    assert reader.send("/sign-up", {"name": "ada", "password": PASSWORD}, page="/sign-in").status == 404
    assert User.select().count() == 0


def test_a_changed_password_signs_out_everywhere_else(app: Flask) -> None:
    here, there = Reader(app), Reader(app)
    here.sign_up()
    there.sign_in()
    wrong = here.send("/password", {"current": "wrong horse", "new": "new horse battery"})
    assert "Incorrect current password." in wrong.text
    assert "must have 10 to 200 characters" in here.send("/password", {"current": PASSWORD, "new": "short"}).text
    assert there.open("/lamps").status == 200
    assert here.send("/password", {"current": PASSWORD, "new": "new horse battery"}).location == "/lamps"
    assert "Password changed. You are signed out everywhere else." in here.open("/lamps").text
    assert there.open("/lamps").location == "/sign-in"


def test_programs_with_a_token_go_on_with_a_new_password_and_the_page_says_so(as_ada: Reader, ada: User) -> None:
    assert "API tokens stay valid." in as_ada.open("/password").text
    token = make_token(ada, "The <b> desk", NOW)
    accounts.set_password(ada, PASSWORD)
    assert bearer(token, NOW) == ada


def test_who_signs_up_is_in_the_history(reader: Reader) -> None:
    reader.sign_up("eve")
    added = [(row.event, row.user_name, row.source) for row in read(Selection())]
    assert added == [("user added", "eve", HOME)]


def test_a_password_that_an_operator_set_signs_out(as_ada: Reader, ada: User) -> None:
    assert as_ada.open("/lamps").status == 200
    accounts.set_password(ada, PASSWORD)
    assert as_ada.open("/lamps").location == "/sign-in"


def test_a_session_ends_when_idle_and_at_the_latest_after_a_month(as_ada: Reader, clock: Clock) -> None:
    clock.pass_by(IDLE_FOR - timedelta(seconds=1))
    assert as_ada.open("/lamps").status == 200
    clock.pass_by(IDLE_FOR)
    assert as_ada.open("/lamps").location == "/sign-in"


def test_a_session_lasts_a_month_at_most(as_ada: Reader, clock: Clock) -> None:
    for _ in range(LASTS_FOR.days - 1):
        clock.pass_by(timedelta(days=1))
        assert as_ada.open("/lamps").status == 200
    clock.pass_by(timedelta(days=1))
    assert as_ada.open("/lamps").location == "/sign-in"


def test_a_stolen_cookie_is_worth_nothing_after_signing_out(app: Flask) -> None:
    owner, thief = Reader(app), Reader(app, "203.0.113.9")
    owner.sign_up()
    cookie = owner.client.get_cookie("lampi")
    assert cookie is not None
    thief.client.set_cookie("lampi", cookie.value)
    assert thief.open("/lamps").status == 200
    owner.send("/sign-out", page="/lamps")
    assert thief.open("/lamps").location == "/sign-in"
