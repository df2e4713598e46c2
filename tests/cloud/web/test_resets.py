"""What the owner's page says of a reset at the lamp, and the button that refuses it."""

import json
from datetime import timedelta

import pytest

from cloud.services import claiming, resets
from cloud.services.resets import OWNER_HAS, LampReset
from cloud.store.lamps import Lampi, User
from cloud.store.reset_requests import ResetRequest
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import BOTH_DATABASES, CODE, LAMP, Clock
from tests.support.pages import Reader

REFUSE = f"/lamps/{LAMP}/refuse-reset"
NOTICE = (
    "A reset was requested on this lamp's screen. The lamp will be released on 24 November 2026, 12:00 UTC unless you"
    " refuse."
)


@pytest.fixture(autouse=True)
def requested(lampi: Lampi, ada: User) -> None:
    """Give ada the lamp, at which a reset is requested."""
    claiming.associate_by_code(CODE, ada, NOW)
    resets.answer({LAMP: None}, LampReset.AFTER_A_DAY, NOW)
    resets.answer({LAMP: ResetRequest.get().ticket}, LampReset.AFTER_A_DAY, NOW)


@BOTH_DATABASES
def test_the_owner_sees_it_and_refuses(as_ada: Reader) -> None:
    assert NOTICE in as_ada.open("/lamps").text
    assert as_ada.send(REFUSE, page="/lamps").location == "/lamps"
    page = as_ada.open("/lamps").text
    assert "Reset refused. My LAMPI stays yours." in page
    assert NOTICE not in page
    assert ResetRequest.get().stage == "refused"


def test_the_lamp_s_page_says_so_too(as_ada: Reader) -> None:
    page, state = f"/lamps/{LAMP}", f"/lamps/{LAMP}/state"
    assert NOTICE in as_ada.open(page).text
    assert json.loads(as_ada.open(state).html)["release_at"] == "2026-11-24T12:00:00.000Z"
    as_ada.send(REFUSE, page=page)
    assert NOTICE not in as_ada.open(page).text
    assert json.loads(as_ada.open(state).html)["release_at"] is None


def test_an_owner_who_is_too_late_is_told(as_ada: Reader) -> None:
    form = as_ada.fields("/lamps")
    resets.refuse(LAMP, NOW, "command line")
    as_ada.send_bare(REFUSE, form)
    assert "No reset of this lamp is requested." in as_ada.open("/lamps").text
    resets.end_due(LampReset.AFTER_A_DAY, NOW + OWNER_HAS)
    claiming.release(LAMP, NOW)
    assert as_ada.send_bare(REFUSE, form).status == 404


def test_no_one_else_can_refuse_or_sees_it(as_ada: Reader, as_bob: Reader, reader: Reader) -> None:
    assert "reset" not in as_bob.open("/lamps").text.lower()
    form = {"csrf_token": as_bob.token_of("/password")}
    assert as_bob.send_bare(REFUSE, form).status == 404
    assert reader.send_bare(REFUSE, {"csrf_token": reader.token_of("/sign-in")}).location.startswith("/sign-in")
    assert as_ada.send_bare(REFUSE).status == 400  # without a form of ours
    assert as_ada.open(REFUSE).status == 405
    assert ResetRequest.get().stage == "requested"


def test_the_page_of_a_released_lamp_says_nothing_more(as_ada: Reader, clock: Clock) -> None:
    clock.pass_by(OWNER_HAS + timedelta(seconds=1))
    assert resets.end_due(LampReset.AFTER_A_DAY, clock()) == [LAMP]
    assert LAMP not in as_ada.open("/lamps").text
