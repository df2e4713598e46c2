"""The pages for a user's lamps."""

from datetime import timedelta

import pytest

from cloud.daemon.presence import PresenceBatch
from cloud.rate_limit.changes import REFILL
from cloud.services import claiming
from cloud.store.lamps import Lampi, User
from cloud.web import lamps
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import BOTH_DATABASES, CODE, LAMP, Clock, waiting
from tests.support.changes import use_up_changes
from tests.support.pages import Reader


@pytest.fixture(autouse=True)
def hers(lampi: Lampi, ada: User) -> Lampi:
    """Give ada the lamp."""
    return claiming.associate_by_code(CODE, ada, NOW)


def test_my_lamps_and_no_one_else_s(as_ada: Reader, as_bob: Reader) -> None:
    page = as_ada.open("/lamps").text
    assert "My LAMPI" in page
    assert LAMP in page
    assert "Connected since 23 November 2026, 12:00 UTC" in page
    assert LAMP not in as_bob.open("/lamps").text


def test_a_lamp_that_went_says_since_when(as_ada: Reader) -> None:
    batch = PresenceBatch()
    batch.add(LAMP, False)
    batch.register(NOW + timedelta(minutes=5))
    assert "Not connected since 23 November 2026, 12:05 UTC" in as_ada.open("/lamps").text


def test_many_lamps_come_a_page_at_a_time(as_ada: Reader, ada: User) -> None:
    for number in range(lamps.LAMPS_A_PAGE):
        Lampi.create(device_id=f"{number:012x}", name=f"Lamp {number:02}", user=ada)
    first, second = as_ada.open("/lamps"), as_ada.open("/lamps?page=2")
    assert "Lamp 00" in first.text
    assert "Next page" in first.text
    assert "My LAMPI" in second.text
    assert "Previous page" in second.text


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "1.5", ""])
def test_invalid_page_numbers(as_ada: Reader, number: str) -> None:
    assert as_ada.open(f"/lamps?page={number}").status == 200


def test_a_lamp_gets_another_name(as_ada: Reader) -> None:
    assert 'value="My LAMPI"' in as_ada.open(f"/lamps/{LAMP}/rename").html
    assert as_ada.send(f"/lamps/{LAMP}/rename", {"name": "  Küche  "}).location == "/lamps"
    assert "Lamp renamed to Küche." in as_ada.open("/lamps").text
    assert Lampi.named(LAMP).name == "Küche"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\0b", "a\N{RIGHT-TO-LEFT OVERRIDE}b"])
def test_invalid_names(as_ada: Reader, name: str) -> None:
    refused = as_ada.send(f"/lamps/{LAMP}/rename", {"name": name})
    assert refused.status == 422
    assert "one line of 1 to 100 visible characters" in refused.text
    assert Lampi.named(LAMP).name == "My LAMPI"


@pytest.mark.parametrize(
    "name",
    [
        "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}",
        "\N{ARABIC LETTER YEH}\N{ZERO WIDTH NON-JOINER}\N{ARABIC LETTER BEH}",
        "Küche 🛋",
    ],
)
def test_a_name_may_have_joiners_that_belong_to_a_script(as_ada: Reader, name: str) -> None:
    as_ada.send(f"/lamps/{LAMP}/rename", {"name": name})
    assert Lampi.named(LAMP).name == name


def test_a_name_that_does_not_come_is_none(as_ada: Reader) -> None:
    assert as_ada.send(f"/lamps/{LAMP}/rename").status == 422


def test_html_in_a_lamp_s_name_is_a_name(as_ada: Reader) -> None:
    name = "<img src=x onerror=alert(1)>\"'"
    as_ada.send(f"/lamps/{LAMP}/rename", {"name": name})
    for page in ("/lamps", f"/lamps/{LAMP}/rename", f"/lamps/{LAMP}/release", f"/lamps/{LAMP}/yours"):
        assert "<img" not in as_ada.open(page).html
        assert name in as_ada.open(page).text or page.endswith(("rename", "yours"))


def test_release_asks_first(as_ada: Reader) -> None:
    question = as_ada.open(f"/lamps/{LAMP}/release").text
    assert "Release My LAMPI?" in question
    assert Lampi.named(LAMP).user_id is not None
    assert as_ada.send(f"/lamps/{LAMP}/release").location == "/lamps"
    assert "My LAMPI was released. It shows a new code." in as_ada.open("/lamps").text
    lampi = Lampi.named(LAMP)
    assert (lampi.user_id, lampi.association_code == CODE) == (None, False)


def test_to_release_twice_is_to_release_once(as_ada: Reader) -> None:
    token = as_ada.token_of(f"/lamps/{LAMP}/release")
    answers = [as_ada.send_bare(f"/lamps/{LAMP}/release", {"csrf_token": token}).status for _ in range(2)]
    assert answers == [302, 404]


@pytest.mark.parametrize(("what", "fields"), [("rename", {"name": "Kitchen"}), ("release", {})])
def test_too_many_changes(as_ada: Reader, ada: User, clock: Clock, what: str, fields: dict[str, str]) -> None:
    use_up_changes(ada, NOW)
    refused = as_ada.send(f"/lamps/{LAMP}/{what}", fields)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "12")
    assert "Too many changes. Try again in 1 minute." in refused.text
    assert (Lampi.named(LAMP).name, Lampi.named(LAMP).user) == ("My LAMPI", ada)
    clock.pass_by(REFILL)
    assert as_ada.send(f"/lamps/{LAMP}/{what}", fields).location == "/lamps"


@pytest.mark.parametrize("what", ["rename", "release", "yours"])
@pytest.mark.parametrize("device_id", [LAMP, "b827eb000000", "x", "%00", "%ff", "..", "' or 1=1", "<b>", "x" * 2000])
def test_another_users_lamp_is_not_found(as_bob: Reader, what: str, device_id: str) -> None:
    asked = as_bob.open(f"/lamps/{device_id}/{what}")
    assert asked.status == 404
    if what != "yours":
        token = as_bob.token_of("/lamps")
        sent = as_bob.send_bare(f"/lamps/{device_id}/{what}", {"csrf_token": token, "name": "Bob's"})
        assert sent.status == 404
        assert sent.text == asked.text
    assert Lampi.named(LAMP).name == "My LAMPI"
    assert Lampi.named(LAMP).user_id is not None


@BOTH_DATABASES
@pytest.mark.parametrize("device_id", ["%00", f"{LAMP}%00", LAMP.upper(), f"{LAMP}%0a"])
def test_no_database_is_asked_for_what_can_t_be_an_id(as_ada: Reader, device_id: str) -> None:
    assert as_ada.open(f"/lamps/{device_id}/rename").status == 404


def test_an_unclaimed_lamp_is_not_found_either(as_ada: Reader) -> None:
    waiting("b827eb11c0de", "0123456789abcdef" * 2)
    assert as_ada.open("/lamps/b827eb11c0de/release").status == 404


@pytest.mark.parametrize("path", ["/lamps", f"/lamps/{LAMP}/rename", f"/lamps/{LAMP}/release", f"/lamps/{LAMP}/yours"])
def test_who_is_not_signed_in_is_sent_to_do_so(reader: Reader, path: str) -> None:
    assert reader.open(path).location == "/sign-in"


def test_a_form_that_comes_after_signing_out_changes_nothing(as_ada: Reader, clock: Clock) -> None:
    token = as_ada.token_of(f"/lamps/{LAMP}/release")
    clock.pass_by(timedelta(days=40))
    assert as_ada.send_bare(f"/lamps/{LAMP}/release", {"csrf_token": token}).location == "/sign-in"
    assert Lampi.named(LAMP).user_id is not None
