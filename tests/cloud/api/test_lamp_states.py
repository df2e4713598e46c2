"""The API's endpoints for what a lamp shows: form, refusals, limits."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cloud.api.app import DOCUMENT
from cloud.db.database import write_transaction
from cloud.db.timestamps import utc_now
from cloud.rate_limit.state_requests import BURST, REFILL, StateBucket
from cloud.services import lamp_states
from cloud.services.claiming import associate_by_device_id
from cloud.store import state_watches
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease
from cloud.store.state_requests import StateRequest
from shared.protocol.payloads import Color, LampConfig
from tests.cloud.api.conftest import LAMP, LAMPS, Ask, problem

STATE = f"{LAMPS}/{LAMP}/state"
DESCRIPTION = json.loads(DOCUMENT.read_text())


@pytest.fixture(autouse=True)
def owned(lamp: Lampi, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Ada own the lamp, and a daemon lead."""
    monkeypatch.setattr(lamp_states, "LEARN_SECONDS", 0)
    associate_by_device_id(LAMP, ada, utc_now())
    PublisherLease().acquire(utc_now())


def test_a_state_that_is_not_known_has_no_values(ask: Ask) -> None:
    answer = ask("GET", STATE)
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"on": None, "color": None, "brightness": None, "connected": True, "reported_at": None, "request": None},
    )


def test_a_request_is_accepted_and_shown_beside_the_state(ask: Ask) -> None:
    ask("GET", STATE)
    with write_transaction():
        state_watches.record(LAMP, LampConfig(Color(0.5, 1.0), 0.25, False), utc_now())
    answer = ask("PATCH", STATE, json={"on": True, "color": {"h": 0, "s": 1}})
    assert answer.status_code == 202
    shown = answer.get_json()
    assert (shown["on"], shown["color"], shown["brightness"]) == (False, {"h": 0.5, "s": 1.0}, 0.25)
    assert shown["request"]["outcome"] == "pending"
    assert ask("GET", STATE).get_json() == shown
    assert StateRequest.get().config == LampConfig(Color(0.0, 1.0), None, True)
    schema = {"$ref": "#/components/schemas/State", "components": DESCRIPTION["components"]}
    Draft202012Validator(schema).validate(shown)


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({}, "on"),
        ({"on": 1}, "on"),
        ({"on": None}, "on"),
        ({"color": {"h": 0.5}}, "color"),
        ({"color": [0.5, 0.5]}, "color"),
        ({"color": {"h": 0.5, "s": 1.01}}, "color"),
        ({"color": {"h": 0.5, "s": 1, "v": 1}}, "v"),
        ({"brightness": "1"}, "brightness"),
        ({"brightness": -0.1}, "brightness"),
        ({"client": "lamp_ui"}, "client"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_requested(ask: Ask, body: Any, member: str) -> None:
    assert problem(ask("PATCH", STATE, json=body), 422, "bad-member", member)
    assert StateRequest.select().count() == 0


@pytest.mark.parametrize("value", ["0", "-0.0", "1", "1.0", "5e-324", "1e-400", "0." + "1" * 3000])
def test_every_number_from_0_to_1_is_stored(ask: Ask, value: str) -> None:
    answer = ask("PATCH", STATE, data=f'{{"brightness": {value}}}', content_type="application/json")
    assert answer.status_code == 202
    assert StateRequest.get().config == LampConfig(brightness=float(value))


@pytest.mark.parametrize(
    "body",
    [
        '{"on": true, "on": false}',
        '{"color": {"h": 1, "h": 0, "s": 1}}',
        '{"brightness": NaN}',
        '{"brightness": -Infinity}',
        '{"brightness": 1' + "0" * 5000 + "}",
        '{"on": true}\0',
        '{"on": ' + "[" * 4000,
    ],
)
def test_what_parsers_read_differently_is_no_request(ask: Ask, body: str) -> None:
    said = problem(ask("PATCH", STATE, data=body, content_type="application/json"), 400, "bad-body")
    assert said.startswith("Invalid body: ")
    assert StateRequest.select().count() == 0


@pytest.mark.parametrize("device_id", [LAMP, "b827ebba0399"])
def test_another_s_lamp_and_an_unknown_one_get_the_same_answer(ask_for_bob: Ask, device_id: str) -> None:
    before = History.select().count()
    state = f"{LAMPS}/{device_id}/state"
    for answer in (ask_for_bob("GET", state), ask_for_bob("PATCH", state, json={"on": True})):
        assert problem(answer, 404) == "You have no such lamp."
    assert problem(ask_for_bob("PATCH", state, json={"on": 7}), 404) == "You have no such lamp."
    assert StateRequest.select().count() == 0
    assert History.select().count() == before


def test_too_many_requests_are_refused(ask: Ask, ada: User) -> None:
    StateBucket.create(user=ada, full_at=utc_now() + 2 * BURST * REFILL)
    answer = ask("PATCH", STATE, json={"on": True})
    assert problem(answer, 429, "too-many-requests").startswith("Too many requests to your lamps.")
    assert 1 <= int(answer.headers["Retry-After"]) <= 10


def test_a_token_is_required(ask: Ask) -> None:
    assert problem(ask("GET", STATE, headers={"Authorization": "Bearer x"}), 401)
    assert problem(ask("PATCH", STATE, json={"on": True}, headers={"Authorization": "Bearer x"}), 401)
