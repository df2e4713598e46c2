"""Handing a lamp over on the page: the owner's offer, and the new owner's code or link."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from cloud.auth import sessions
from cloud.errors import UnknownCode
from cloud.rate_limit.changes import REFILL
from cloud.services import claiming, offering
from cloud.services.page_state import states_of
from cloud.store import claim_url, offers
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.offers import GOOD_FOR, Offer
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import BOTH_DATABASES, LAMP, Clock
from tests.support.changes import use_up_changes
from tests.support.pages import Reader

pytestmark = BOTH_DATABASES

OFFER = f"/lamps/{LAMP}/offer"
YOURS = f"/lamps/{LAMP}/yours"
FOUND = "/associate/this-lamp"


@pytest.fixture(autouse=True)
def own(lampi: Lampi, ada: User) -> Lampi:
    """Give a lamp of Ada's, with a name."""
    claiming.associate_by_device_id(LAMP, ada, NOW)
    Lampi.update(name="Kitchen").execute()
    return Lampi.named(LAMP)


def offered(as_ada: Reader) -> Offer:
    assert as_ada.send(OFFER).location == OFFER
    offer: Offer = Offer.get()
    return offer


def owner() -> str:
    return str(Lampi.named(LAMP).user.name)


def test_the_owner_sees_code_link_and_time_until_the_lamp_is_handed_over(
    as_ada: Reader, as_bob: Reader, clock: Clock
) -> None:
    assert OFFER in as_ada.open("/lamps").html
    assert "Make an offer" in as_ada.open(OFFER).text
    offer = offered(as_ada)
    clock.pass_by(timedelta(seconds=61))
    shown = as_ada.open(OFFER)
    assert f"http://localhost/associate?code={offer.code}" in shown.html
    assert offer.short_code in shown.text.replace(" ", "")
    assert "Time left: 13:59 ." in shown.text
    as_bob.send("/associate", {"code": offer.short_code.upper()})
    as_bob.send(FOUND)
    assert owner() == "bob"
    assert "Lamp handed over" in as_ada.open(OFFER).text
    assert as_ada.open("/lamps").text.count("Kitchen") == 0
    clock.pass_by(3 * GOOD_FOR)
    assert as_ada.open(OFFER).status == 404


def test_the_link_leads_with_the_claim_url(as_ada: Reader) -> None:
    claim_url.announce("https://lamps.example.com/associate")
    offer = offered(as_ada)
    assert f"https://lamps.example.com/associate?code={offer.code}" in as_ada.open(OFFER).html


def test_a_new_user_opens_the_link_signs_up_and_confirms(as_ada: Reader, app: Flask) -> None:
    offer = offered(as_ada)
    grace = Reader(app, "192.0.2.9")
    assert grace.open(f"/associate?code={offer.code}").location == "/associate"
    assert grace.open("/associate").location == "/sign-in"
    assert grace.sign_up("grace").location == "/associate"
    assert grace.open("/associate").location == FOUND
    question = grace.open(FOUND)
    assert "Take over this lamp?" in question.text
    assert "Kitchen" in question.text
    assert "0387" in question.text
    assert LAMP not in question.html
    assert "ada" not in question.text  # users' names are not for others
    assert owner() == "ada"
    assert grace.send(FOUND).location == YOURS
    assert owner() == "grace"
    assert "This lamp is yours" in grace.open(YOURS).text
    assert 'value="Kitchen"' in grace.open(YOURS).html
    assert grace.send_bare(FOUND, {}).status == 400


def test_sent_twice_it_is_one_hand_over(as_ada: Reader, as_bob: Reader) -> None:
    offer = offered(as_ada)
    as_bob.send("/associate", {"code": offer.short_code})
    form = as_bob.fields(FOUND)
    assert [as_bob.send_bare(FOUND, form).location for _ in range(2)] == [YOURS, YOURS]
    assert History.select().where(History.event == "handed over").count() == 1


@pytest.mark.parametrize("end", ["withdrawn", "expired", "released", "taken"])
def test_an_offer_that_ends_while_it_is_looked_at_says_so(
    as_ada: Reader, as_bob: Reader, clock: Clock, end: str
) -> None:
    offer = offered(as_ada)
    as_bob.send("/associate", {"code": offer.short_code})
    form = as_bob.fields(FOUND)
    if end == "withdrawn":
        as_ada.send(f"{OFFER}/withdraw", page=OFFER)
    elif end == "expired":
        clock.pass_by(timedelta(minutes=9))
        Offer.update(offered_at=NOW - timedelta(minutes=8)).execute()
    elif end == "released":
        as_ada.send(f"/lamps/{LAMP}/release")
    else:
        claiming.associate_by_code(offer.code, claiming.add_user("cleo"), NOW)
    assert as_bob.send_bare(FOUND, form).location == "/associate"
    said = as_bob.open("/associate").text
    assert str(UnknownCode()) in said
    assert UnknownCode.hint in said
    assert Lampi.named(LAMP).user != claiming.user_named("bob")


@pytest.mark.parametrize("by_link", [True, False])
def test_the_owner_who_takes_the_own_offer_sees_the_lamp(as_ada: Reader, by_link: bool) -> None:
    offer = offered(as_ada)
    if by_link:
        as_ada.open(f"/associate?code={offer.code}")
        assert as_ada.open("/associate").location == FOUND
    else:
        as_ada.send("/associate", {"code": offer.short_code})
    assert as_ada.open(FOUND).location == YOURS
    assert Offer.get() == offer


def test_a_link_that_has_ended_fills_in_the_code_and_finds_nothing(as_ada: Reader, as_bob: Reader) -> None:
    offer = offered(as_ada)
    as_ada.send(f"{OFFER}/withdraw", page=OFFER)
    as_bob.open(f"/associate?code={offer.code}")
    assert offer.code in as_bob.open("/associate").html
    assert str(UnknownCode()) in as_bob.send("/associate", {"code": offer.code}).text


def test_an_offer_is_withdrawn(as_ada: Reader) -> None:
    offered(as_ada)
    page = as_ada.fields(OFFER)
    assert as_ada.send_bare(f"{OFFER}/withdraw", page).location == OFFER
    said = as_ada.open(OFFER).text
    assert "Offer withdrawn. The lamp stays yours." in said
    assert "Make an offer" in said
    as_ada.send_bare(f"{OFFER}/withdraw", page)
    assert "The offer has already ended." in as_ada.open(OFFER).text


def test_who_withdraws_too_late_learns_that_the_lamp_is_gone(as_ada: Reader, as_bob: Reader) -> None:
    offer = offered(as_ada)
    page = as_ada.fields(OFFER)
    claiming.associate_by_code(offer.code, claiming.user_named("bob"), NOW)
    as_ada.send_bare(f"{OFFER}/withdraw", page)
    assert "Lamp handed over" in as_ada.open(OFFER).text


def test_anothers_offer_is_like_a_lamp_that_does_not_exist(as_ada: Reader, as_bob: Reader) -> None:
    offered(as_ada)
    form = {"csrf_token": as_bob.token_of("/associate")}
    for device_id in (LAMP, "b827ebba0389", "x"):
        assert as_bob.open(f"/lamps/{device_id}/offer").status == 404
        assert as_bob.send_bare(f"/lamps/{device_id}/offer", form).status == 404
    as_bob.send_bare(f"{OFFER}/withdraw", form)
    assert Offer.select().count() == 1


def test_without_a_token_nothing_is_offered_or_withdrawn(as_ada: Reader) -> None:
    assert as_ada.send_bare(OFFER).status == 400
    offered(as_ada)
    assert as_ada.send_bare(f"{OFFER}/withdraw").status == 400
    assert Offer.select().count() == 1


def test_too_many_changes_are_refused(as_ada: Reader, ada: User) -> None:
    page = as_ada.fields(OFFER)
    use_up_changes(ada, NOW + REFILL)
    assert as_ada.send_bare(OFFER, page).status == 429
    assert Offer.select().count() == 0


def test_open_pages_learn_of_an_offer_and_of_its_end(ada: User) -> None:
    states = [states_of([ada.id], NOW)[ada.id]]
    for act in (
        lambda: offering.make_offer(LAMP, NOW, "", ada),
        lambda: offering.make_offer(LAMP, NOW + timedelta(seconds=1), "", ada),
        lambda: offers.purge(NOW + 2 * GOOD_FOR),
    ):
        act()
        states.append(states_of([ada.id], NOW)[ada.id])
    assert len(set(states[:3])) == 3
    assert states[3] == states[0]


def test_a_new_password_ends_offers(as_ada: Reader, app: Flask, clock: Clock) -> None:
    grace = Reader(app, "192.0.2.9")
    grace.sign_up("grace")
    Lampi.update(user=claiming.user_named("grace")).execute()
    assert re.search("[0-9a-f]{6}", str(grace.send(OFFER).location))
    assert Offer.select().count() == 1
    grace.send("/password", {"current": "correct horse battery", "new": "correct horse battery!"})
    assert Offer.select().count() == 0


@pytest.mark.parametrize("path", [OFFER, f"/lamps/{LAMP}"])
def test_who_has_handed_a_lamp_over_is_told_so_on_its_pages(as_ada: Reader, as_bob: Reader, path: str) -> None:
    as_bob.send("/associate", {"code": offered(as_ada).code})
    as_bob.send(FOUND)
    assert "Lamp handed over" in as_ada.open(path).text
    assert as_bob.open(path).status == 200
    assert as_ada.open("/lamps/b827ebba0389").status == 404


def test_ending_a_strangers_session_ends_their_offers(as_ada: Reader, ada: User) -> None:
    offered(as_ada)
    (session,) = sessions.sessions_of(ada, NOW)
    sessions.end_named(ada, session.name)
    assert Offer.select().count() == 0


@pytest.mark.parametrize("path", ["/lamps/%00/offer", "/lamps/%00", f"/lamps/{LAMP.upper()}/offer"])
def test_what_is_no_device_id_is_no_lamp(as_ada: Reader, path: str) -> None:
    assert as_ada.open(path).status == 404
