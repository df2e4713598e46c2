"""The cookie of a known browser, which keeps strangers' wrong passwords from locking its users out."""

from http.cookies import SimpleCookie

import pytest
from flask import Flask

from cloud.auth import accounts
from cloud.auth.known_browsers import LASTS_FOR
from cloud.store.lamps import User
from tests.support.pages import HOME, Reader

PASSWORD = "correct horse battery"
COOKIE = "lampi-known"


def strangers_try(app: Flask, name: str = "ada") -> None:
    """Use up the attempts to sign in with a name from the home address."""
    for _ in range(5):
        assert Reader(app, HOME).sign_in(name, "wrong horse battery").status == 422
    assert Reader(app, HOME).sign_in(name).status == 429


def test_a_browser_that_signed_in_before_is_not_locked_out_by_strangers(app: Flask) -> None:
    owner = Reader(app)
    owner.sign_up()
    owner.send("/sign-out", page="/lamps")
    strangers_try(app)
    assert owner.sign_in().location == "/lamps"


def test_a_browser_is_known_to_each_user_who_signed_in_there(app: Flask) -> None:
    shared = Reader(app)
    for name in ("ada", "bob"):
        shared.sign_up(name)
        shared.send("/sign-out", page="/lamps")
    for name in ("ada", "bob"):
        strangers_try(app, name)
        assert shared.sign_in(name).location == "/lamps"
        shared.send("/sign-out", page="/lamps")


def test_a_stolen_cookie_gives_five_guesses(app: Flask) -> None:
    owner, thief = Reader(app), Reader(app, "203.0.113.9")
    owner.sign_up()
    cookie = owner.client.get_cookie(COOKIE)
    assert cookie is not None
    thief.client.set_cookie(COOKIE, cookie.value)
    assert [thief.sign_in("ada", "wrong horse battery").status for _ in range(6)] == [422] * 5 + [429]
    assert thief.open("/lamps").location == "/sign-in"


def test_a_browser_stays_known_when_the_password_is_changed_there(app: Flask) -> None:
    owner = Reader(app)
    owner.sign_up()
    owner.send("/password", {"current": PASSWORD, "new": "new horse battery"})
    owner.send("/sign-out", page="/lamps")
    strangers_try_in_vain = [Reader(app).sign_in("ada", "wrong horse battery").status for _ in range(6)]
    assert strangers_try_in_vain[-1] == 429
    assert owner.sign_in("ada", "new horse battery").location == "/lamps"


def test_no_browser_is_known_after_an_operator_set_the_password(app: Flask) -> None:
    owner = Reader(app)
    owner.sign_up()
    accounts.set_password(User.get(name="ada"), PASSWORD)
    strangers_try(app)
    assert owner.sign_in().status == 429


@pytest.mark.parametrize(
    ("https", "name", "attributes"), [(False, COOKIE, set()), (True, f"__Host-{COOKIE}", {"secure"})]
)
def test_the_cookie_is_for_this_site_s_forms_alone_and_lasts_a_year(
    app: Flask, https: bool, name: str, attributes: set[str]
) -> None:
    reader = Reader(app, https=https)
    form = {"name": "ada", "password": PASSWORD, "csrf_token": reader.token_of("/sign-up")}
    base = "https://lamps.example.com" if https else "http://localhost"
    answer = reader.client.post("/sign-up", data=form, base_url=base, headers={"Referer": f"{base}/"})
    cookies = SimpleCookie("\r\n".join(answer.headers.getlist("Set-Cookie")))
    found = {key for key, value in cookies[name].items() if value}
    assert found == {"expires", "max-age", "path", "httponly", "samesite"} | attributes
    assert cookies[name]["max-age"] == str(int(LASTS_FOR.total_seconds()))
    assert (cookies[name]["path"], cookies[name]["samesite"]) == ("/", "Strict")


@pytest.mark.parametrize("cookie", ["x", "~~~", "1.2.3.4", "\xff", "x" * 4000])
def test_a_cookie_that_is_not_ours_changes_nothing(app: Flask, cookie: str) -> None:
    reader = Reader(app)
    reader.client.set_cookie(COOKIE, cookie)
    assert reader.sign_up().location == "/lamps"
    kept = reader.client.get_cookie(COOKIE)
    assert kept is not None
    assert len(kept.value) < 100
