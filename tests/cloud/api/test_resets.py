"""The API lists and refuses resets that were requested at lamps."""

import pytest
from jsonschema import Draft202012Validator

from cloud.db.timestamps import shown_instant, utc_now
from cloud.services.claiming import associate_by_code
from cloud.services.resets import OWNER_HAS
from cloud.store.lamps import Lampi, User
from cloud.store.reset_requests import ResetRequest
from tests.cloud.api.conftest import LAMP, LAMPS, Ask, problem, request_reset
from tests.cloud.api.test_openapi import DESCRIPTION

RESET = f"{LAMPS}/{LAMP}/reset"


@pytest.fixture(autouse=True)
def owned(lamp: Lampi, ada: User) -> None:
    associate_by_code(lamp.association_code, ada, utc_now())


def test_a_requested_reset_is_listed_and_refused(ask: Ask) -> None:
    assert ask("GET", f"{LAMPS}/{LAMP}").get_json()["reset"] is None
    request_reset()
    since = ResetRequest.get().since
    shown = {"requested_at": shown_instant(since), "release_at": shown_instant(since + OWNER_HAS)}
    one = ask("GET", f"{LAMPS}/{LAMP}").get_json()
    assert one["reset"] == shown
    schema = {"$ref": "#/components/schemas/Lamp", "components": DESCRIPTION["components"]}
    Draft202012Validator(schema).validate(one)
    assert [lamp["reset"] for lamp in ask("GET", LAMPS).get_json()["lamps"]] == [shown]
    assert ask("DELETE", RESET).status_code == 204
    assert ResetRequest.get().stage == "refused"
    assert ask("GET", f"{LAMPS}/{LAMP}").get_json()["reset"] is None


def test_there_may_be_nothing_to_refuse(ask: Ask) -> None:
    problem(ask("DELETE", RESET), 409, "no-reset-request")
    problem(ask("DELETE", f"{RESET}?all=1"), 422, "bad-member", "all")


def test_another_user_s_lamp_is_unknown(ask_for_bob: Ask) -> None:
    request_reset()
    assert ask_for_bob("DELETE", RESET).status_code == 404
    assert ResetRequest.get().stage == "requested"
