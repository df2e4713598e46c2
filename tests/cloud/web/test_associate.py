"""Associating on the page: the code, the lamp found, and the confirmation."""

from datetime import timedelta

import pytest
from flask import Flask

from cloud.daemon.code_rotation import rotate_expired
from cloud.errors import UnknownCode
from cloud.rate_limit.changes import REFILL
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services import claiming
from cloud.services.identification import IDENTIFY_FOR
from cloud.store import outbox
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease
from cloud.web.associate import FOUND_FOR
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import BOTH_DATABASES, CODE, LAMP, OTHER, Clock, waiting
from tests.support.changes import use_up_changes
from tests.support.pages import Reader

pytestmark = BOTH_DATABASES

YOURS = f"/lamps/{LAMP}/yours"
HINT = UnknownCode.hint


@pytest.fixture(autouse=True)
def there(lampi: Lampi) -> Lampi:
    """Have the lamp wait."""
    return lampi


def find(reader: Reader, code: str = "b71e09") -> None:
    assert reader.send("/associate", {"code": code}).location == "/associate/this-lamp"


def owner() -> int | None:
    user_id: int | None = Lampi.named(LAMP).user_id
    return user_id


@pytest.mark.parametrize("typed", ["b71e09", "B71 E09", " b7-1e-o9 ", CODE, "b71e09c4"])
def test_code_then_this_lamp_then_yours(as_ada: Reader, ada: User, typed: str) -> None:
    find(as_ada, typed)
    question = as_ada.open("/associate/this-lamp")
    assert "Is this the lamp?" in question.text
    assert "0387" in question.text
    assert LAMP not in question.html
    assert owner() is None
    assert as_ada.send("/associate/this-lamp").location == YOURS
    assert owner() == ada.id
    assert "This lamp is yours" in as_ada.open(YOURS).text


def test_the_page_shows_when_the_lamp_is_up_to_date(as_ada: Reader) -> None:
    find(as_ada)
    as_ada.send("/associate/this-lamp")
    assert "The lamp service is unavailable." in as_ada.open(YOURS).text
    PublisherLease().acquire(NOW)
    assert "Updating your lamp" in as_ada.open(YOURS).text
    outbox.remove([row.version for row in outbox.pending(0, 10)])
    assert "Your lamp is up to date." in as_ada.open(YOURS).text
    Lampi.update(connected=False).execute()
    assert "Its screen updates when it reconnects." in as_ada.open(YOURS).text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "A code has 6 to 32 characters"),
        ("b71e0", "A code has 6 to 32 characters; this one has 5."),
        ("b71e0g", "only the digits 0 to 9 and the letters a to f"),
        ("a" * 33, "6 to 32 characters; this one has 33."),
        ("a" * 20_000, "6 to 32 characters; this one has 20000."),
        ("<b>b71e09</b>", "only the digits"),
        ("\0\ufffd\u202eb71e09", "only the digits"),
        ("000000", "No lamp found for this code. Check the code on the lamp's screen."),
    ],
)
def test_what_is_no_code_is_refused_beside_the_field(as_ada: Reader, typed: str, said: str) -> None:
    refused = as_ada.send("/associate", {"code": typed})
    assert refused.status == 422
    assert said in refused.text
    assert 'aria-invalid="true"' in refused.html
    assert "<b>" not in refused.html
    assert (HINT in refused.text) is said.startswith("No lamp found")


def test_a_code_that_does_not_come_is_none(as_ada: Reader) -> None:
    assert as_ada.send("/associate").status == 422


def test_a_scanned_code_is_filled_in_and_taken_out_of_the_address(as_ada: Reader) -> None:
    assert as_ada.open(f"/associate?code={CODE}").location == "/associate"
    assert f'value="{CODE}"' in as_ada.open("/associate").html
    assert owner() is None


def test_a_scanned_code_waits_until_one_has_an_account_and_associates_nothing(reader: Reader) -> None:
    assert reader.open(f"/associate?code={CODE}").location == "/associate"
    assert reader.open("/associate").location == "/sign-in"
    assert CODE not in reader.open("/sign-in").html
    assert "Your lamp's code is saved" in reader.open("/sign-up").text
    assert reader.sign_up().location == "/associate"
    assert f'value="{CODE}"' in reader.open("/associate").html
    assert owner() is None
    find(reader, CODE)
    assert 'value="b71e' not in reader.open("/associate").html


@pytest.mark.parametrize("code", ["<script>", "%ff", "x" * 5000, "", "%00"])
def test_whatever_a_qr_code_brings_is_only_filled_in(as_ada: Reader, code: str) -> None:
    as_ada.open(f"/associate?code={code}")
    page = as_ada.open("/associate")
    assert page.status == 200
    assert "<script>" not in page.html


def test_sent_twice_it_is_one_association(as_ada: Reader) -> None:
    find(as_ada)
    fields = {"csrf_token": as_ada.token_of("/associate/this-lamp"), "ticket": as_ada.ticket()}
    assert [as_ada.send_bare("/associate/this-lamp", fields).location for _ in range(2)] == [YOURS, YOURS]
    assert History.select().where(History.event == "associated").count() == 1
    assert as_ada.open("/associate/this-lamp").location == YOURS


def test_of_two_browsers_with_one_code_one_wins(as_ada: Reader, as_bob: Reader, ada: User) -> None:
    for reader in (as_ada, as_bob):
        find(reader)
    fields = {"csrf_token": as_bob.token_of("/associate/this-lamp"), "ticket": as_bob.ticket()}
    as_ada.send("/associate/this-lamp")
    assert as_bob.send_bare("/associate/this-lamp", fields).location == "/associate"
    assert "No lamp found for this code." in as_bob.open("/associate").text
    assert owner() == ada.id
    assert as_bob.open("/associate/this-lamp").location == "/associate"


def test_an_older_page_does_not_associate_the_lamp_of_a_newer_one(as_ada: Reader) -> None:
    waiting(OTHER, "0123456789abcdef" * 2)
    find(as_ada)
    older = as_ada.ticket()
    find(as_ada, "012345")
    fields = {"csrf_token": as_ada.token_of("/associate"), "ticket": older}
    assert as_ada.send_bare("/associate/this-lamp", fields).location == "/associate"
    assert Lampi.select().where(Lampi.user.is_null(False)).count() == 0


@pytest.mark.parametrize("ticket", [None, "", "x", "\ufffd"])
def test_without_its_ticket_nothing_is_associated_or_identified(as_ada: Reader, ticket: str | None) -> None:
    find(as_ada)
    fields = {"csrf_token": as_ada.token_of("/associate")} | ({} if ticket is None else {"ticket": ticket})
    for path in ("/associate/this-lamp", "/associate/identify"):
        assert as_ada.send_bare(path, fields).location == "/associate"
    assert owner() is None


def test_without_a_code_there_is_no_lamp_to_ask_about(as_ada: Reader) -> None:
    assert as_ada.open("/associate/this-lamp").location == "/associate"
    assert "Enter the code again." in as_ada.open("/associate").text


def test_the_question_stands_for_ten_minutes(as_ada: Reader, clock: Clock) -> None:
    find(as_ada)
    token, ticket = as_ada.token_of("/associate"), as_ada.ticket()
    clock.pass_by(FOUND_FOR)
    sent = as_ada.send_bare("/associate/this-lamp", {"csrf_token": token, "ticket": ticket})
    assert sent.location == "/associate"
    assert owner() is None


def test_a_code_that_was_replaced_meanwhile_associates_nothing(as_ada: Reader) -> None:
    find(as_ada)
    form = as_ada.fields("/associate/this-lamp")
    rotate_expired(timedelta(0), NOW)
    as_ada.send_bare("/associate/this-lamp", form)
    page = as_ada.open("/associate").text
    assert "No lamp found for this code." in page
    assert HINT in page
    assert HINT not in as_ada.open("/associate").text
    assert owner() is None


def test_a_code_that_expired_meanwhile_associates_nothing(as_ada: Reader, clock: Clock) -> None:
    announce(CodePolicy(ttl=timedelta(minutes=15)))
    clock.pass_by(timedelta(minutes=10))
    find(as_ada)
    form = as_ada.fields("/associate/this-lamp")
    clock.pass_by(timedelta(minutes=5))
    as_ada.send_bare("/associate/this-lamp", form)
    assert owner() is None


def test_a_lamp_that_was_forgotten_meanwhile(as_ada: Reader) -> None:
    find(as_ada)
    ticket, token = as_ada.ticket(), as_ada.token_of("/associate")
    claiming.forget(LAMP)
    for path in ("/associate/this-lamp", "/associate/identify"):
        assert as_ada.send_bare(path, {"csrf_token": token, "ticket": ticket}).location == "/associate"
        find_again = as_ada.open("/associate/this-lamp")
        assert find_again.location == "/associate"


def test_a_page_of_one_person_s_session_is_nothing_to_the_next(as_ada: Reader, bob: User) -> None:
    find(as_ada)
    as_ada.send("/sign-out", page="/lamps")
    as_ada.be(bob)
    assert as_ada.open("/associate/this-lamp").location == "/associate"


def test_to_ask_costs_as_much_as_to_guess(app: Flask, as_ada: Reader) -> None:
    announce(CodePolicy(ttl=None, guesses_per_user=3))
    for _ in range(3):
        assert as_ada.send("/associate", {"code": "000000"}).status == 422
    refused = as_ada.send("/associate", {"code": "b71e09"})
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 60
    assert "Too many wrong codes." in refused.text
    find(as_ada, CODE)  # the full code, as a QR code has it, is always looked up
    as_ada.send("/associate/this-lamp")
    assert owner() is not None


def test_too_many_changes(as_ada: Reader, ada: User, clock: Clock) -> None:
    use_up_changes(ada, NOW)
    refused = [as_ada.send("/associate", {"code": "b71e09"})]
    clock.pass_by(REFILL)
    find(as_ada)  # the screen lights up, which is a change
    clock.pass_by(IDENTIFY_FOR)
    refused += [as_ada.send(f"/associate/{step}", page="/associate/this-lamp") for step in ("identify", "this-lamp")]
    for answer in refused:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) <= REFILL.seconds
        assert "Too many changes. Try again in 1 minute." in answer.text
    assert owner() is None
    clock.pass_by(REFILL)
    assert as_ada.send("/associate/this-lamp").location == YOURS


def test_the_second_step_needs_no_second_guess(as_ada: Reader, ada: User) -> None:
    announce(CodePolicy(ttl=None, guesses_per_user=3))
    find(as_ada)
    for _ in range(3):
        as_ada.send("/associate", {"code": "000000"})
    assert as_ada.send("/associate/this-lamp").location == YOURS
    assert owner() == ada.id


def test_a_right_code_that_is_asked_again_and_again_buys_no_guesses(as_ada: Reader) -> None:
    announce(CodePolicy(ttl=None, guesses_per_user=3))
    for _ in range(3):
        find(as_ada)
        as_ada.send("/associate", {"code": "000000"})
    assert as_ada.send("/associate", {"code": "000001"}).status == 429


def test_history_says_from_where(app: Flask, ada: User) -> None:
    reader = Reader(app, "2001:db8:1:2:3:4:5:6").be(ada)
    reader.send("/associate", {"code": "000000"})
    find(reader)
    reader.send("/associate/this-lamp")
    said = {row.event: row.source for row in History.select().where(History.event.in_(["refused", "associated"]))}
    assert said == {"refused": "2001:db8:1:2::/64", "associated": "2001:db8:1:2::/64"}
