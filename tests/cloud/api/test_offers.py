"""The API's offers: make, show, withdraw and take; and that no user reaches another's."""

from datetime import datetime, timedelta

import pytest

from cloud.db.timestamps import utc_now
from cloud.rate_limit.changes import REFILL
from cloud.services.claiming import associate_by_code
from cloud.store import claim_url
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.offers import GOOD_FOR, Offer
from tests.cloud.api.conftest import LAMP, LAMPS, OTHER_LAMP, Ask, problem, register
from tests.support.changes import use_up_changes

OFFER = f"{LAMPS}/{LAMP}/offer"


@pytest.fixture(autouse=True)
def own(lamp: Lampi, ada: User) -> Lampi:
    """Give a lamp of Ada's."""
    return associate_by_code(lamp.association_code, ada, utc_now())


def test_an_offer_is_made_shown_and_taken(ask: Ask, ask_for_bob: Ask, bob: User) -> None:
    made = ask("POST", OFFER)
    assert (made.status_code, made.headers["Location"]) == (201, OFFER)
    offer = made.get_json()
    assert set(offer) == {"code", "link", "until"}
    assert abs(datetime.fromisoformat(offer["until"]) - utc_now() - GOOD_FOR) < timedelta(minutes=1)
    assert ask("GET", OFFER).get_json() == offer
    taken = ask_for_bob("POST", LAMPS, json={"code": offer["code"]})
    assert (taken.status_code, taken.headers["Location"]) == (201, f"{LAMPS}/{LAMP}")
    assert taken.get_json()["device_id"] == LAMP
    assert Lampi.named(LAMP).user == bob
    again = ask_for_bob("POST", LAMPS, json={"code": offer["code"]})
    assert (again.status_code, again.get_json()) == (200, taken.get_json())
    problem(ask("GET", OFFER), 404)
    problem(ask("POST", LAMPS, json={"code": offer["code"]}), 409, "unknown-code")


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (None, None),
        ("https://lamps.example.com/associate", "https://lamps.example.com/associate?code={}"),
        ("https://lamps.example.com/claim?from=lamp", "https://lamps.example.com/claim?from=lamp&code={}"),
    ],
)
def test_the_link_is_the_claim_url_with_the_whole_code(ask: Ask, url: str | None, link: str | None) -> None:
    claim_url.announce(url)
    offer = ask("POST", OFFER).get_json()
    stored = Offer.get()
    assert offer["code"] == stored.code[: stored.short_code_length]
    assert offer["link"] == (link and link.format(stored.code))


def test_an_offer_is_withdrawn(ask: Ask, ask_for_bob: Ask) -> None:
    offer = ask("POST", OFFER).get_json()
    for _ in range(2):
        withdrawn = ask("DELETE", OFFER)
        assert (withdrawn.status_code, withdrawn.data) == (204, b"")
    assert History.select().where(History.event == "offer withdrawn").count() == 1
    assert problem(ask("GET", OFFER), 404) == "This lamp is not offered."
    problem(ask_for_bob("POST", LAMPS, json={"code": offer["code"]}), 409, "unknown-code")


def test_an_own_offer_is_no_wrong_code(ask: Ask) -> None:
    code = ask("POST", OFFER).get_json()["code"]
    before = History.select().count()
    problem(ask("POST", LAMPS, json={"code": code}), 409, "own-offer")
    assert ask("GET", OFFER).status_code == 200
    assert History.select().count() == before


def test_anothers_lamp_is_like_one_that_does_not_exist(ask: Ask, ask_for_bob: Ask) -> None:
    ask("POST", OFFER)
    register(OTHER_LAMP)  # unclaimed
    for method in ("POST", "GET", "DELETE"):
        answers = [ask_for_bob(method, f"{LAMPS}/{which}/offer") for which in (LAMP, OTHER_LAMP, "b827ebba0389")]
        assert len({answer.data for answer in answers}) == 1
        problem(answers[0], 404)
    assert Offer.select().count() == 1


def test_an_offered_lamp_does_not_light_up(ask: Ask, ask_for_bob: Ask) -> None:
    code = ask("POST", OFFER).get_json()["code"]
    problem(ask_for_bob("POST", f"{LAMPS}/identify", json={"code": code}), 409, "unknown-code")


def test_too_many_changes_get_a_retry_after(ask: Ask, ask_for_bob: Ask, ada: User, bob: User) -> None:
    code = ask("POST", OFFER).get_json()["code"]
    for asking, user, call in (
        (ask, ada, ("POST", OFFER, {})),
        (ask_for_bob, bob, ("POST", LAMPS, {"json": {"code": code}})),
    ):
        use_up_changes(user, utc_now() + REFILL)
        refused = asking(call[0], call[1], **call[2])
        problem(refused, 429, "too-many-changes")
        assert int(refused.headers["Retry-After"]) >= 1
    assert ask("DELETE", OFFER).status_code == 204  # who made too many changes can still withdraw
