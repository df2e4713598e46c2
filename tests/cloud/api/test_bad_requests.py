"""Invalid API requests: the answer is always problem details, and nothing is changed."""

import json
from datetime import timedelta

import peewee
import pytest
from flask import Flask
from playhouse.pool import MaxConnectionsExceeded

from cloud.auth import api_tokens
from cloud.auth.api_tokens import USE_IS_NOTED_EVERY, ApiToken, make_token
from cloud.db.database import database_proxy
from cloud.db.timestamps import utc_now
from cloud.services import ownership
from cloud.store.lamps import Lampi, User
from tests.cloud.api.conftest import LAMP, LAMPS, Ask, asking, problem

JSON = "application/json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b'{"code": "b71e09',
        b"[]",
        b'"b71e09"',
        b"null",
        b'{"code": "b71e09", "code": "b71e09"}',
        b'{"code": NaN}',
        b'{"code": ' + b"[" * 5000 + b"]" * 3000,
        b'{"a":' * 9 + b"1" + b"}" * 9,
    ],
)
def test_a_body_that_is_no_json_object(ask: Ask, lamp: Lampi, body: bytes) -> None:
    assert problem(ask("POST", LAMPS, data=body, content_type=JSON), 400, "bad-body")


@pytest.mark.parametrize("members", [{}, {"code": None}, {"code": 123456}, {"code": ["b71e09"]}, {"code": "b" * 201}])
def test_a_member_that_is_missing_or_no_text(ask: Ask, members: dict[str, object]) -> None:
    problem(ask("POST", LAMPS, json=members), 422, "bad-member", "code")


@pytest.mark.parametrize("name", ["user", "", "\ud800", "x" * 5000])
def test_an_unknown_member(ask: Ask, lamp: Lampi, name: str) -> None:
    answer = ask("POST", LAMPS, data=json.dumps({"code": lamp.association_code, name: 1}), content_type=JSON)
    problem(answer, 422, "bad-member", name[:200].replace("\ud800", "?"))
    assert Lampi.named(LAMP).user_id is None


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", f"{JSON}; charset=utf-16"]
)
def test_another_content_type(ask: Ask, lamp: Lampi, content_type: str | None) -> None:
    body = json.dumps({"code": lamp.association_code}).encode()
    problem(ask("POST", LAMPS, data=body, content_type=content_type), 415)


def test_a_body_that_is_too_large(ask: Ask) -> None:
    problem(ask("POST", LAMPS, data=b" " * 8193, content_type=JSON), 413)
    problem(ask("PATCH", f"{LAMPS}/{LAMP}", data=b" " * 8193, content_type=JSON), 404)


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e1", "limit"),
        ("limit=\N{ARABIC-INDIC DIGIT ONE}", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=", "limit"),
        ("after=x", "after"),
        ("after=B827EBBA0387", "after"),
        ("after=%00", "after"),
        ("page=2", "page"),
    ],
)
def test_a_parameter_that_cant_be_used(ask: Ask, query: str, member: str) -> None:
    problem(ask("GET", f"{LAMPS}?{query}"), 422, "bad-member", member)


@pytest.mark.parametrize(
    "address", ["/api/", "/api/v2/lamps", "/api/v1/", f"{LAMPS}/%00", f"{LAMPS}/{LAMP}/", f"{LAMPS}/B827EBBA0387"]
)
def test_an_unknown_address(ask: Ask, address: str) -> None:
    problem(ask("GET", address), 404)


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", LAMPS, {"GET", "HEAD", "POST"}),
        ("DELETE", LAMPS, {"GET", "HEAD", "POST"}),
        ("POST", f"{LAMPS}/{LAMP}", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("TRACE", f"{LAMPS}/{LAMP}", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("GET", f"{LAMPS}/identify", {"POST"}),
        ("POST", "/api/v1/openapi.json", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_is_not_there(ask: Ask, method: str, address: str, allowed: set[str]) -> None:
    answer = ask(method, address)
    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", *allowed}


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer lampi_x", "Bearer lampi_\xff", "lampi_x"]
)
def test_without_a_token_that_counts(app: Flask, lamp: Lampi, header: str | None) -> None:
    client = app.test_client()
    headers = {} if header is None else {"Authorization": header}
    answers = [
        client.get(LAMPS, headers=headers),
        client.post(LAMPS, headers=headers, json={"code": lamp.association_code}),
        client.delete(f"{LAMPS}/{LAMP}", headers=headers),
        client.post(f"{LAMPS}/identify", headers=headers, data=b"x" * 10_000),
    ]
    for answer in answers:
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="LAMPI"'
    assert Lampi.named(LAMP).user_id is None


def test_a_revoked_token_and_one_of_a_user_who_is_gone(app: Flask, ada: User, bob: User) -> None:
    ask, ask_for_bob = asking(app.test_client(), ada), asking(app.test_client(), bob)
    assert ask("GET", LAMPS).status_code == ask_for_bob("GET", LAMPS).status_code == 200
    api_tokens.revoke(ada, api_tokens.tokens_of(ada)[0].id)
    bob.delete_instance()
    problem(ask("GET", LAMPS), 401)
    problem(ask_for_bob("GET", LAMPS), 401)


def test_the_use_of_a_token_is_noted_now_and_then(ada: User) -> None:
    now = utc_now()
    token = make_token(ada, "  a script ", now)
    assert ApiToken.get().name == "a script"
    assert token not in str(list(ApiToken.select().dicts()))
    period = round(USE_IS_NOTED_EVERY.total_seconds())
    for after, noted in [(0, 0), (30, 0), (period - 1, 0), (period, period), (period + 1, period)]:
        assert api_tokens.bearer(token, now + timedelta(seconds=after)) == ada
        used: object = ApiToken.get().last_used_at
        assert used == now + timedelta(seconds=noted)


def test_an_internal_error_is_logged_and_reveals_nothing(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("inner life")

    monkeypatch.setattr(ownership, "lamps_of", fail)
    assert "inner life" not in problem(ask("GET", LAMPS), 500)
    assert "ZeroDivisionError: inner life" in caplog.text


@pytest.mark.parametrize("fault", [peewee.OperationalError("disk I/O error"), MaxConnectionsExceeded("16 are open")])
def test_a_database_error_is_reported_and_temporary(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_: object) -> None:
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(ownership, "lamps_of", fail)
        answer = ask("GET", LAMPS)
        problem(answer, 503)
        assert answer.headers["Retry-After"] == "5"
    assert ask("GET", LAMPS).status_code == 200


def test_a_request_leaves_no_connection_behind(ask: Ask) -> None:
    database_proxy.close()
    assert ask("GET", LAMPS).status_code == 200
    problem(ask("GET", f"{LAMPS}/{LAMP}"), 404)
    assert database_proxy.is_closed()
