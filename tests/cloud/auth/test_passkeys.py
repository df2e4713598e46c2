"""Passkeys: what the page accepts of an authenticator, and of an attacker."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.auth import accounts, passkeys, sessions
from cloud.auth.passkey_ceremonies import Ceremony
from cloud.auth.passkey_challenges import LASTS_FOR
from cloud.auth.passkeys import MOST_PASSKEYS, Passkey
from cloud.auth.relying_party import RelyingParty
from cloud.errors import BadPasskey, BadPasskeyName, TooManyAttempts, UnknownPasskey, WrongPassword
from cloud.store.audit_log import Selection, read
from cloud.store.lamps import User
from tests.cloud.auth.conftest import HOME, PASSWORD
from tests.cloud.conftest import NOW
from tests.support.authenticator import PRESENT, Authenticator
from tests.support.course_site import django_hash

PARTY = RelyingParty("lamps.example.com", "https://lamps.example.com")
PAGE = Ceremony(PARTY, "this browser", "7d" * 32, NOW)
NEW = "new horse battery"


def register(user: User, device: Authenticator, page: Ceremony = PAGE, name: str = "Phone") -> None:
    made = device.create(page.registration_options(user))
    page.register(user, name, device.handle, made, HOME)


def sign_in(device: Authenticator, page: Ceremony = PAGE) -> Passkey:
    return page.sign_in(device.get(page.sign_in_options()), HOME)


@pytest.fixture
def phone(grace: User) -> Authenticator:
    """Give a device with Grace's passkey."""
    made = Authenticator()
    register(grace, made)
    return made


def test_a_passkey_signs_its_user_in(grace: User, phone: Authenticator) -> None:
    used = sign_in(phone)
    assert used.user == grace
    token = sessions.begin(used.user, NOW, passkey=used)
    assert sessions.user_of(token, NOW) == grace
    (kept,) = passkeys.passkeys_of(grace)
    assert (kept.name, kept.created_at, kept.last_used_at, kept.sign_count) == ("Phone", NOW, NOW, 1)


def test_a_user_from_a_course_site_has_passkeys_too() -> None:
    moved = User.create(name="ada", password_hash=django_hash(PASSWORD))
    phone = Authenticator()
    accounts.require_password(moved, PASSWORD, NOW)
    register(moved, phone)
    assert sessions.begin(sign_in(phone).user, NOW)


def test_several_passkeys_name_one_user_to_authenticators(grace: User, phone: Authenticator) -> None:
    options = json.loads(PAGE.registration_options(grace))
    assert options["user"]["id"] == phone.handle
    assert [each["id"] for each in options["excludeCredentials"]] == [Passkey.get().credential_id]
    assert "ace" not in phone.handle.lower()  # it is random
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"


@pytest.mark.parametrize("counts", [True, False])
def test_an_assertion_that_is_replayed_is_refused(grace: User, counts: bool) -> None:
    phone = Authenticator(counts=counts)
    register(grace, phone)
    sent = phone.get(PAGE.sign_in_options())
    assert PAGE.sign_in(sent, HOME).user == grace
    with pytest.raises(BadPasskey):
        PAGE.sign_in(sent, HOME)
    assert sign_in(phone).user == grace


def test_a_registration_that_is_replayed_is_refused(grace: User) -> None:
    phone = Authenticator()
    made = phone.create(PAGE.registration_options(grace))
    PAGE.register(grace, "Phone", phone.handle, made, HOME)
    Passkey.delete().execute()
    with pytest.raises(BadPasskey):
        PAGE.register(grace, "Phone", phone.handle, made, HOME)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://lamps.example.com", "https://lamps.example.com:444"]
)
def test_another_origin_is_refused(grace: User, phone: Authenticator, origin: str) -> None:
    phone.origin = origin
    with pytest.raises(BadPasskey):
        sign_in(phone)
    with pytest.raises(BadPasskey):
        register(grace, Authenticator(origin))


def test_another_domain_is_refused(grace: User, phone: Authenticator) -> None:
    elsewhere = replace(PAGE, party=RelyingParty("evil.example", PARTY.origin))
    with pytest.raises(BadPasskey):
        PAGE.sign_in(phone.get(elsewhere.sign_in_options()), HOME)


def test_a_device_that_does_not_verify_its_user_is_refused(grace: User, phone: Authenticator) -> None:
    phone.flags = PRESENT
    with pytest.raises(BadPasskey):
        sign_in(phone)
    with pytest.raises(BadPasskey):
        register(grace, Authenticator(flags=PRESENT))


def test_a_challenge_is_for_one_browser_and_one_purpose_and_five_minutes(grace: User, phone: Authenticator) -> None:
    sent = phone.get(PAGE.sign_in_options())
    late = replace(PAGE, now=NOW + LASTS_FOR)
    for other in (replace(PAGE, browser="another"), replace(PAGE, secret="x"), late):
        with pytest.raises(BadPasskey):
            other.sign_in(sent, HOME)
    for_registering = json.loads(PAGE.registration_options(grace)) | {"rpId": PARTY.domain}
    with pytest.raises(BadPasskey):
        PAGE.sign_in(phone.get(json.dumps(for_registering)), HOME)
    assert replace(PAGE, now=NOW + LASTS_FOR - timedelta(seconds=1)).sign_in(sent, HOME).user == grace


def test_a_challenge_that_the_page_did_not_make_is_refused(phone: Authenticator) -> None:
    options = json.loads(PAGE.sign_in_options())
    for challenge in ("", "AAAA", options["challenge"][:-4] + "AAAA", "A" * 400):
        with pytest.raises(BadPasskey):
            PAGE.sign_in(phone.get(json.dumps(options | {"challenge": challenge})), HOME)


def test_a_copy_of_an_authenticator_is_noticed_by_its_count(phone: Authenticator) -> None:
    sign_in(phone)
    sign_in(phone)
    phone.count = 1
    with pytest.raises(BadPasskey):
        sign_in(phone)


def test_of_two_uses_at_once_with_the_same_count_one_is_accepted(phone: Authenticator) -> None:
    first, second = Passkey.get(), Passkey.get()
    passkeys.note_use(first, 1, NOW)
    with pytest.raises(BadPasskey):
        passkeys.note_use(second, 1, NOW)


def test_another_key_or_another_user_s_handle_is_refused(grace: User, bob: User, phone: Authenticator) -> None:
    forged = Authenticator(credential=phone.credential, handle=phone.handle)
    with pytest.raises(BadPasskey):
        sign_in(forged)
    other = Authenticator()
    register(bob, other)
    phone.handle = other.handle
    with pytest.raises(UnknownPasskey):
        sign_in(phone)


def test_the_passkey_of_another_user_can_t_be_registered_again_or_removed(
    grace: User, bob: User, phone: Authenticator
) -> None:
    with pytest.raises(BadPasskey):
        register(bob, phone)
    number = Passkey.get().id
    with pytest.raises(UnknownPasskey):
        passkeys.remove(bob, number, NOW, HOME)
    assert [each.id for each in passkeys.passkeys_of(grace)] == [number]


def test_a_registration_for_one_user_is_none_for_another(grace: User, bob: User) -> None:
    device = Authenticator()
    made = device.create(PAGE.registration_options(grace))
    with pytest.raises(BadPasskey):
        PAGE.register(bob, "Phone", device.handle, made, HOME)


def test_a_removed_passkey_lets_no_one_in_not_even_a_sign_in_under_way(grace: User, phone: Authenticator) -> None:
    under_way = sign_in(phone)
    passkeys.remove(grace, under_way.id, NOW, HOME)
    with pytest.raises(BadPasskey):
        sessions.begin(under_way.user, NOW, passkey=under_way)
    with pytest.raises(UnknownPasskey):
        sign_in(phone)


def test_a_registration_under_way_does_not_survive_a_change_of_the_password(grace: User) -> None:
    thief, device = User.get_by_id(grace.id), Authenticator()
    made = device.create(PAGE.registration_options(thief))
    accounts.change_password(grace, PASSWORD, NEW, NOW)
    with pytest.raises(BadPasskey):
        PAGE.register(User.get_by_id(grace.id), "Phone", device.handle, made, HOME)
    with pytest.raises(WrongPassword):  # or read before the change, and verified after it
        PAGE.register(thief, "Phone", device.handle, made, HOME)
    assert passkeys.passkeys_of(grace) == []


def test_a_sign_in_under_way_does_not_survive_one_either(grace: User, phone: Authenticator) -> None:
    under_way = sign_in(phone)
    accounts.change_password(grace, PASSWORD, NEW, NOW, remove_keys=True)
    with pytest.raises(WrongPassword):
        sessions.begin(under_way.user, NOW, passkey=under_way)
    assert passkeys.passkeys_of(grace) == []


def test_failed_sign_ins_from_a_network_are_bounded(phone: Authenticator) -> None:
    for _ in range(30):
        with pytest.raises(BadPasskey):
            PAGE.sign_in("{}", HOME)
    with pytest.raises(TooManyAttempts):
        sign_in(phone)
    assert PAGE.sign_in(phone.get(PAGE.sign_in_options()), "203.0.113.9")


def test_passkeys_of_a_user_are_bounded(grace: User) -> None:
    for number in range(MOST_PASSKEYS):
        register(grace, Authenticator(), replace(PAGE, now=NOW + timedelta(hours=number)))
    with pytest.raises(BadPasskeyName, match="already have 20"):
        register(grace, Authenticator(), replace(PAGE, now=NOW + timedelta(days=2)))


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_a_name_is_one_line(grace: User, name: str) -> None:
    with pytest.raises(BadPasskeyName):
        register(grace, Authenticator(), name=name)


def broken(make: Callable[[], str]) -> Iterator[str]:
    """Yield credentials with a value that is missing, of another type, or of other bytes; each has a new challenge."""
    yield from ("", "null", "[]", "{", '"x"', "[" * 10_000, "\ud800")
    values: tuple[object, ...] = (None, 5, [], {}, "", "=", "A", "AAAA", "\0", "\ud800", "ü")
    for value in values:
        for member in ("id", "rawId", "type", "response"):
            yield json.dumps(json.loads(make()) | {member: value})
        for member in json.loads(make())["response"]:
            whole = json.loads(make())
            yield json.dumps(whole | {"response": whole["response"] | {member: value}})


def test_malformed_credentials_are_refused(grace: User, phone: Authenticator) -> None:
    for number, text in enumerate(broken(lambda: phone.get(PAGE.sign_in_options()))):
        with pytest.raises((BadPasskey, UnknownPasskey)):
            PAGE.sign_in(text, f"198.51.100.{number}")
    other = Authenticator()
    for text in broken(lambda: other.create(PAGE.registration_options(grace))):
        with pytest.raises(BadPasskey):
            PAGE.register(grace, "Phone", other.handle, text, HOME)
    assert len(passkeys.passkeys_of(grace)) == 1


def test_the_history_names_who_added_and_removed_one(grace: User, phone: Authenticator) -> None:
    passkeys.remove(grace, Passkey.get().id, NOW, "203.0.113.9")
    rows = [(row.event, row.user_name, row.source) for row in read(Selection())][1:]
    assert rows == [("passkey added", "Grace", HOME), ("passkey removed", "Grace", "203.0.113.9")]
