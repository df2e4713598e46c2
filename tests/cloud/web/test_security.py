"""Attacks on the page, and the defences against them."""

import re

import pytest
from flask import Flask

from cloud.store.lamps import Lampi, User
from cloud.web.app import LARGEST_REQUEST, create_app
from cloud.web.settings import WebSettings
from tests.cloud.web.conftest import CODE, LAMP
from tests.support.lamp_requests import everything
from tests.support.pages import Reader

PARAMETERS = {"device_id": LAMP, "number": "1", "name": "0123456789abcdef"}
FORMS = [
    re.sub(r"<(?:[^>]*:)?(\w+)>", lambda found: PARAMETERS[found[1]], rule.rule)
    for rule in create_app(WebSettings("sqlite:///none")).url_map.iter_rules()
    if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
]
ELSEWHERE = ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)"]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "x", "IjAwIg.aAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_forged_requests_change_nothing(as_ada: Reader, lampi: Lampi, ada: User, path: str, token: str | None) -> None:
    Lampi.update(user=ada).execute()
    before = everything()
    forged = as_ada.send_bare(path, {"name": "x", "csrf_token": token} if token is not None else {"name": "x"})
    assert forged.status == 400
    assert "This page has expired" in forged.text
    assert everything() == before
    assert "My LAMPI" in as_ada.open("/lamps").text


def test_another_s_token_is_none(as_ada: Reader, as_bob: Reader, lampi: Lampi, ada: User) -> None:
    Lampi.update(user=ada).execute()
    token = as_bob.token_of("/lamps")
    assert as_ada.send_bare(f"/lamps/{LAMP}/release", {"csrf_token": token}).status == 400


def test_over_https_a_request_from_another_site_is_refused(app: Flask, ada: User) -> None:
    reader = Reader(app, https=True)
    token = reader.token_of("/sign-in")
    fields = {"csrf_token": token, "name": "ada", "password": "x"}
    for headers in ({"Referer": "https://evil.example/"}, {}):
        assert reader.send_bare("/sign-in", fields, headers=headers).status == 400
    assert reader.send_bare("/sign-in", fields).status == 422


def test_a_browser_that_hides_where_it_comes_from_is_reported_so(app: Flask) -> None:
    reader = Reader(app, https=True)
    fields = {"csrf_token": reader.token_of("/sign-in")}
    assert "didn't send the Referer header" in reader.send_bare("/sign-in", fields, headers={}).text
    assert "This page has expired" in reader.send_bare("/sign-in", {}).text


def test_a_get_changes_nothing(as_ada: Reader) -> None:
    for path in ("/sign-out", "/associate/identify"):
        assert as_ada.open(path).status == 405
    assert as_ada.open("/lamps").status == 200


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_redirects_stay_on_the_site(app: Flask, elsewhere: str) -> None:
    reader = Reader(app)
    for name in ("next", "url", "to"):
        reader.open("/sign-in", query_string={name: elsewhere})
    reader.open("/lamps", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    token = reader.token_of("/sign-up")
    fields = {"name": "eve", "password": "correct horse battery", "csrf_token": token, "next": elsewhere}
    assert reader.send_bare("/sign-up", fields, query_string={"next": elsewhere}).location == "/lamps"
    assert "evil" not in reader.open(elsewhere if elsewhere.startswith("/") else f"/{elsewhere}").location


def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(app: Flask) -> None:
    attacker, victim = Reader(app, "203.0.113.9"), Reader(app)
    token = attacker.token_of("/sign-in")
    planted = attacker.client.get_cookie("lampi")
    assert planted is not None
    victim.client.set_cookie("lampi", planted.value)
    victim.sign_up()
    after = victim.client.get_cookie("lampi")
    assert after is not None
    assert after.value != planted.value
    assert victim.send_bare("/sign-out", {"csrf_token": token}).status == 400
    assert victim.open("/lamps").status == 200
    assert attacker.open("/lamps").location == "/sign-in"


def test_one_account_s_session_is_left_behind_when_another_signs_in(app: Flask) -> None:
    reader = Reader(app)
    reader.sign_up("ada")
    before = reader.client.get_cookie("lampi")
    reader.send("/sign-out", page="/lamps")
    reader.sign_up("bob")
    thief = Reader(app)
    assert before is not None
    thief.client.set_cookie("lampi", before.value)
    assert thief.open("/lamps").location == "/sign-in"


@pytest.mark.parametrize(
    "cookie", ["x", "eyJfdXNlcl9pZCI6IngifQ.aAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA", "\xff", "." * 4000]
)
def test_cookies_that_are_not_ours_are_none(app: Flask, cookie: str) -> None:
    reader = Reader(app)
    reader.client.set_cookie("lampi", cookie)
    assert reader.open("/lamps").location == "/sign-in"


def test_cookies_are_for_this_site_s_requests_alone(app: Flask) -> None:
    plain = Reader(app).open("/sign-in").headers["Set-Cookie"]
    assert plain.startswith("lampi=")
    assert {part.strip() for part in plain.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Lax"}
    secure = Reader(app, https=True).open("/sign-in").headers["Set-Cookie"]
    assert secure.startswith("__Host-lampi=")
    assert {part.strip() for part in secure.split(";")[1:]} == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_a_cookie_ends_with_its_session(app: Flask) -> None:
    signed_in = Reader(app).sign_up().headers["Set-Cookie"]
    assert "Expires=" in signed_in


@pytest.mark.parametrize("path", ["/sign-in", "/lamps", "/nothing", "/static/page.css", "/live/state", "/associate"])
def test_every_answer_has_the_headers(as_ada: Reader, path: str) -> None:
    headers = as_ada.open(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    if not path.startswith("/static"):
        assert headers["Cache-Control"] == "no-store"


def test_over_https_it_stays_so(app: Flask) -> None:
    assert "Strict-Transport-Security" in Reader(app, https=True).open("/sign-in").headers


def test_pages_have_no_script_or_style_of_their_own(as_ada: Reader, lampi: Lampi) -> None:
    as_ada.send("/associate", {"code": CODE})
    for path in (
        "/sign-in",
        "/lamps",
        "/associate",
        "/associate/this-lamp",
        "/account",
        "/recover",
        "/password",
        "/nothing",
    ):
        page = as_ada.open(path).html
        assert not re.search(r"<style|<script(?![^>]*src=)|\son\w+=|\sstyle=|javascript:", page)
        assert set(re.findall(r'(?:src|href|action)="([^/"][^"]*)"', page)) <= {"#main"}


def test_static_files_are_kept_under_their_hashes(as_ada: Reader) -> None:
    found = re.search(r'href="(/static/page.css\?v=\w+)"', as_ada.open("/lamps").html)
    assert found is not None
    assert "immutable" in as_ada.open(found[1]).headers["Cache-Control"]
    assert as_ada.open("/static/../app.py").status == 404
    assert as_ada.open("/static/%2e%2e/app.py").status == 404


def test_requests_that_are_too_large_are_refused(as_ada: Reader) -> None:
    refused = as_ada.send_bare("/associate", {"code": "x" * (LARGEST_REQUEST + 1)})
    assert refused.status == 413
    assert "Input too long" in refused.text


def test_no_address_and_no_code_makes_a_cookie_that_browsers_drop(reader: Reader, app: Flask, lampi: Lampi) -> None:
    noise = "".join(f"{number * number:x}" for number in range(1500))
    assert len(reader.open(f"/lamps/{noise}/rename").headers["Set-Cookie"]) < 4000
    as_ada = Reader(app)
    as_ada.sign_up()
    gap = "".join(" -"[int(bit)] for bit in f"{7**10_000:b}"[:28_000])
    found = as_ada.send("/associate", {"code": CODE[:3] + gap + CODE[3:]})
    assert found.location == "/associate/this-lamp"
    assert len(found.headers["Set-Cookie"]) < 1000


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data", "x"])
def test_bodies_of_another_type_are_no_forms(as_ada: Reader, content_type: str) -> None:
    assert as_ada.send_bare("/associate", b'{"code": "b71e09"}', content_type=content_type).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/lamps/",
        "/lamps//b827ebba0387/rename",
        "/%ff",
        "/\N{SNOWMAN}",
        "/associate/x",
        "/.git/config",
        "/admin",
    ],
)
def test_what_is_not_there_says_so(reader: Reader, path: str) -> None:
    gone = reader.open(path)
    assert gone.status == 404
    assert "Page not found" in gone.text


def test_a_method_that_is_none_says_which_are(as_ada: Reader) -> None:
    refused = as_ada.open("/sign-out")
    assert (refused.status, "POST" in refused.headers["Allow"]) == (405, True)
