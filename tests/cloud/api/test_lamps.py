"""The API's resources: list, show, associate, identify, rename, release; and that no user sees another's lamps."""

from datetime import timedelta

import pytest

from cloud.db.timestamps import utc_now
from cloud.rate_limit.changes import REFILL
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claim_terms import ClaimTerms
from cloud.services.claiming import associate_by_code, release
from cloud.services.lamps import association_of
from cloud.services.ownership import RECENT
from cloud.store import outbox
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from shared.protocol.payloads import Unassociated
from tests.cloud.api.conftest import LAMP, LAMPS, OTHER_LAMP, Ask, problem, register
from tests.support.changes import use_up_changes


@pytest.fixture
def own(lamp: Lampi, ada: User) -> Lampi:
    """Give a lamp of Ada's."""
    return associate_by_code(lamp.association_code, ada, utc_now())


def test_a_code_makes_the_lamp_the_users(ask: Ask, lamp: Lampi, ada: User) -> None:
    answer = ask("POST", LAMPS, json={"code": lamp.association_code[:6].upper()})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{LAMPS}/{LAMP}")
    shown = answer.get_json()
    assert set(shown) == {"device_id", "name", "connected", "confirmed", "created_at", "associated_at", "reset"}
    assert (shown["device_id"], shown["connected"], shown["confirmed"]) == (LAMP, True, False)
    assert Lampi.named(LAMP).user == ada
    assert lamp.association_code[:6] not in answer.text
    outbox.remove([message.version for message in outbox.pending(after=0, limit=10)])
    assert ask("GET", f"{LAMPS}/{LAMP}").get_json() == {**shown, "confirmed": True}


def test_sent_twice_it_is_one_association_and_the_same_answer(ask: Ask, ask_for_bob: Ask, lamp: Lampi) -> None:
    body = {"code": lamp.association_code[:6]}
    first = ask("POST", LAMPS, json=body)
    again = ask("POST", LAMPS, json=body)
    assert (first.status_code, again.status_code, again.get_json()) == (201, 200, first.get_json())
    problem(ask_for_bob("POST", LAMPS, json=body), 409, "unknown-code")
    Lampi.update(associated_at=utc_now() - RECENT - timedelta(seconds=1)).execute()
    problem(ask("POST", LAMPS, json=body), 409, "unknown-code")


def test_sent_again_after_a_release_it_is_unknown(ask: Ask, lamp: Lampi) -> None:
    body = {"code": lamp.association_code}
    ask("POST", LAMPS, json=body)
    release(LAMP, utc_now())
    problem(ask("POST", LAMPS, json=body), 409, "unknown-code")


def test_an_expired_code_is_unknown(ask: Ask, lamp: Lampi) -> None:
    announce(CodePolicy(ttl=timedelta(seconds=60)))
    Lampi.update(code_issued_at=utc_now() - timedelta(seconds=61)).execute()
    for address in (LAMPS, f"{LAMPS}/identify"):
        problem(ask("POST", address, json={"code": lamp.association_code}), 409, "unknown-code")
    assert Lampi.named(LAMP).user_id is None


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "A code has 6 to 32 characters; this one has 0."),
        ("b71e0", "A code has 6 to 32 characters; this one has 5."),
        ("b71e09" * 6, "A code has 6 to 32 characters; this one has 36."),
        ("b71e0g", "A code contains only the digits 0 to 9 and the letters a to f."),
        ("\0" * 6, "A code contains only the digits 0 to 9 and the letters a to f."),
        ("\N{SNOWMAN}" * 6, "A code contains only the digits 0 to 9 and the letters a to f."),
    ],
)
@pytest.mark.parametrize("address", [LAMPS, f"{LAMPS}/identify"])
def test_what_cant_be_a_code_says_so(ask: Ask, typed: str, why: str, address: str) -> None:
    assert why == problem(ask("POST", address, json={"code": typed}), 422, "malformed-code", "code")


def test_identify_reaches_the_lamp_and_reveals_little(ask: Ask, lamp: Lampi) -> None:
    body = {"code": lamp.association_code[:6]}
    answer = ask("POST", f"{LAMPS}/identify", json=body)
    assert answer.status_code == 202
    said = association_of(Lampi.named(LAMP), ClaimTerms())
    assert isinstance(said, Unassociated)
    assert answer.get_json() == {"device_id_ending": "0387", "connected": True, "until": said.identify}
    assert ask("POST", f"{LAMPS}/identify", json=body).get_json() == answer.get_json()
    assert ask("POST", LAMPS, json=body).status_code == 201
    problem(ask("POST", f"{LAMPS}/identify", json=body), 409, "unknown-code")


@pytest.mark.parametrize(
    "name", ["Kitchen", "  Küche \N{ELECTRIC LIGHT BULB} ", "<b>x</b>", "'; DROP TABLE lampi; --", "n" * 100]
)
def test_a_name_is_kept_as_it_is(ask: Ask, own: Lampi, name: str) -> None:
    answer = ask("PATCH", f"{LAMPS}/{LAMP}", json={"name": name})
    assert (answer.status_code, answer.get_json()["name"]) == (200, name.strip())
    assert Lampi.named(LAMP).name == name.strip()


@pytest.mark.parametrize("name", ["", "   ", "two\nlines", "\0", "n" * 101, "\ud800", "\N{RIGHT-TO-LEFT OVERRIDE}x"])
def test_an_invalid_name_is_refused(ask: Ask, own: Lampi, name: str) -> None:
    problem(ask("PATCH", f"{LAMPS}/{LAMP}", json={"name": name}), 422, "bad-member", "name")
    assert Lampi.named(LAMP).name == "My LAMPI"


def test_release_removes_the_owner_and_a_second_release_finds_nothing(ask: Ask, own: Lampi) -> None:
    answer = ask("DELETE", f"{LAMPS}/{LAMP}")
    assert (answer.status_code, answer.data) == (204, b"")
    released = Lampi.named(LAMP)
    assert released.user_id is None
    assert released.association_code != own.association_code
    problem(ask("DELETE", f"{LAMPS}/{LAMP}"), 404)


def test_anothers_lamp_is_like_one_that_does_not_exist(ask_for_bob: Ask, own: Lampi) -> None:
    register("b827ebba0389")  # unclaimed: not visible either
    for method, more in {"GET": {}, "PATCH": {"json": {"name": "mine"}}, "DELETE": {}}.items():
        answers = [ask_for_bob(method, f"{LAMPS}/{which}", **more) for which in (LAMP, "b827ebba0389", OTHER_LAMP)]
        assert len({answer.data for answer in answers}) == 1
        problem(answers[0], 404)
    assert ask_for_bob("GET", LAMPS).get_json() == {"lamps": [], "next": None}
    assert (Lampi.named(LAMP).name, Lampi.named(LAMP).user_id) == ("My LAMPI", own.user_id)


def test_many_lamps_come_in_pages(ask: Ask, ada: User, bob: User) -> None:
    ids = [f"b827ebba{number:04x}" for number in range(205)]
    for device_id in ids:
        Lampi.create(device_id=device_id, user=ada, associated_at=utc_now())
    Lampi.create(device_id="000000000000", user=bob, associated_at=utc_now())
    seen, address, pages = [], LAMPS, 0
    while address:
        page = ask("GET", address).get_json()
        seen += [lamp["device_id"] for lamp in page["lamps"]]
        address, pages = page["next"], pages + 1
    assert (seen, pages) == (ids, 3)
    few = ask("GET", LAMPS, query_string={"limit": 2, "after": ids[202]}).get_json()
    assert ([lamp["device_id"] for lamp in few["lamps"]], few["next"]) == (ids[203:], None)


@pytest.mark.parametrize("address", [LAMPS, f"{LAMPS}/identify"])
def test_too_many_guesses_get_a_retry_after(ask: Ask, ask_for_bob: Ask, lamp: Lampi, address: str) -> None:
    announce(CodePolicy(guesses_per_user=3))
    wrong = {"code": f"{int(lamp.association_code[:6], 16) ^ 1:06x}"}
    for _ in range(3):
        problem(ask("POST", address, json=wrong), 409, "unknown-code")
    right = {"code": lamp.association_code[:6]}
    for body in (wrong, right):
        refused = ask("POST", address, json=body)
        problem(refused, 429, "too-many-guesses")
        assert 0 < int(refused.headers["Retry-After"]) <= 25 * 3600
    assert association_of(Lampi.named(LAMP), ClaimTerms()) == Unassociated(lamp.association_code)
    assert ask_for_bob("POST", address, json=right).status_code in (201, 202)


@pytest.mark.parametrize(
    "change",
    [
        ("POST", f"{LAMPS}/identify", "code"),
        ("POST", LAMPS, "code"),
        ("PATCH", f"{LAMPS}/{OTHER_LAMP}", "name"),
        ("DELETE", f"{LAMPS}/{OTHER_LAMP}", ""),
    ],
    ids=["identify", "associate", "rename", "release"],
)
def test_too_many_changes_get_a_retry_after(ask: Ask, lamp: Lampi, ada: User, change: tuple[str, str, str]) -> None:
    method, address, member = change
    body = {member: lamp.association_code} if member else None
    associate_by_code(register(OTHER_LAMP).association_code, ada, utc_now())
    before = History.select().count()
    use_up_changes(ada, utc_now() + REFILL)  # ahead, so that none is refilled meanwhile
    refused = ask(method, address, json=body)
    assert problem(refused, 429, "too-many-changes") == "Too many changes. Try again in 1 minute."
    assert 1 <= int(refused.headers["Retry-After"]) <= 2 * REFILL.seconds
    assert History.select().count() == before
    use_up_changes(ada, utc_now(), but=1)
    assert ask(method, address, json=body).status_code < 300


def test_history_says_who_did_it_and_from_where(ask: Ask, lamp: Lampi) -> None:
    ask("POST", LAMPS, json={"code": lamp.association_code})
    ask("DELETE", f"{LAMPS}/{LAMP}")
    noted = [(row.event, row.source, row.user_name) for row in History.select().order_by(History.id)][-2:]
    assert noted == [("associated", "127.0.0.1", "ada"), ("released", "127.0.0.1", "ada")]
