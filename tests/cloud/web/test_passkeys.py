"""Passkeys on the page, with an authenticator in software; the browser's own are in tests/integration."""

import json
import re
from html import unescape

import pytest
from flask import Flask

from cloud.auth.passkeys import Passkey
from cloud.store import claim_url
from tests.support.authenticator import Authenticator
from tests.support.pages import PASSWORD, Answer, Reader

_OPTIONS = re.compile(r'data-options="([^"]+)"')


@pytest.fixture
def at_home(app: Flask) -> Reader:
    """Give a browser, over HTTPS, in which Ada has signed up."""
    reader = Reader(app, https=True)
    reader.sign_up()
    return reader


def add_passkey(reader: Reader, device: Authenticator, name: str = "Phone") -> Answer:
    first = reader.send("/account/passkeys/new", {"name": name, "current": PASSWORD})
    options = unescape(_OPTIONS.findall(first.html)[0])
    made = device.create(options)
    fields = {"name": name, "handle": device.handle, "credential": made}
    return reader.send("/account/passkeys", fields, page="/account")


def options_for(reader: Reader) -> str:
    return reader.open("/sign-in/passkey").html


def sign_in(reader: Reader, credential: str) -> Answer:
    return reader.send("/sign-in/passkey", {"credential": credential}, page="/sign-in")


def test_a_passkey_is_added_used_listed_and_removed(app: Flask, at_home: Reader) -> None:
    phone = Authenticator()
    assert add_passkey(at_home, phone, "My <b> phone").location == "/account"
    listed = at_home.open("/account").text
    assert "Passkey added. You can sign in with it from now on." in listed
    assert "My <b> phone Added 23 November 2026, 12:00 UTC Never used Remove" in listed
    other = Reader(app, "203.0.113.9", https=True)
    assert sign_in(other, phone.get(options_for(other))).location == "/lamps"
    assert "Last used 23 November 2026" in other.open("/account").text
    assert "Remove the passkey “My <b> phone”?" in other.open("/account/passkeys/1/remove").text
    other.send("/account/passkeys/1/remove")
    assert "The passkey My <b> phone was removed." in other.open("/account").text
    third = Reader(app, https=True)
    refused = sign_in(third, phone.get(options_for(third)))
    assert refused.status == 422
    assert "No account has this passkey. Sign in with your password." in refused.text


def test_signing_in_leads_to_the_page_that_was_asked_for(app: Flask, at_home: Reader) -> None:
    phone = Authenticator()
    add_passkey(at_home, phone)
    other = Reader(app, https=True)
    other.open("/account")
    assert sign_in(other, phone.get(options_for(other))).location == "/account"


def test_adding_one_needs_the_password(at_home: Reader) -> None:
    refused = at_home.send("/account/passkeys/new", {"name": "Phone", "current": "wrong horse"})
    assert refused.status == 422
    assert "Incorrect current password." in refused.text
    assert "data-options" not in refused.html
    refused = at_home.send("/account/passkeys/new", {"name": "", "current": PASSWORD})
    assert "A passkey name must be one line of 1 to 100 characters." in refused.text
    refused = at_home.send("/account/passkeys", {"name": "Phone", "handle": "AAAA", "credential": "{}"}, "/account")
    assert refused.status == 422
    assert "The passkey couldn't be verified. Try again." in refused.text
    assert Passkey.select().count() == 0


def test_an_assertion_is_worth_nothing_in_another_browser_or_again(app: Flask, at_home: Reader) -> None:
    phone = Authenticator()
    add_passkey(at_home, phone)
    victim, thief = Reader(app, https=True), Reader(app, "203.0.113.9", https=True)
    sent = phone.get(options_for(victim))
    assert sign_in(thief, sent).status == 422
    assert sign_in(victim, sent).location == "/lamps"
    victim.send("/sign-out", page="/lamps")
    assert sign_in(victim, sent).status == 422


def test_a_registration_is_worth_nothing_in_another_session(app: Flask, at_home: Reader) -> None:
    device, other = Authenticator(), Reader(app, https=True)
    other.sign_in()
    first = at_home.send("/account/passkeys/new", {"name": "Phone", "current": PASSWORD})
    made = device.create(unescape(_OPTIONS.findall(first.html)[0]))
    fields = {"name": "Phone", "handle": device.handle, "credential": made}
    assert other.send("/account/passkeys", fields, page="/account").status == 422
    assert Passkey.select().count() == 0


def test_another_user_s_passkey_can_t_be_removed(app: Flask, at_home: Reader) -> None:
    add_passkey(at_home, Authenticator())
    thief = Reader(app, "203.0.113.9", https=True)
    thief.sign_up("bob")
    thief.send("/account/passkeys/1/remove", page="/account")
    assert "This passkey has already been removed." in thief.open("/account").text
    assert Passkey.select().count() == 1


def test_forms_for_passkeys_need_their_token(at_home: Reader) -> None:
    for path in ("/account/passkeys/new", "/account/passkeys", "/account/passkeys/1/remove", "/sign-in/passkey"):
        assert at_home.send_bare(path, {"credential": "{}"}).status == 400


def test_the_options_are_json_for_this_domain_and_not_kept(app: Flask) -> None:
    answer = Reader(app, https=True).open("/sign-in/passkey")
    options = json.loads(answer.html)
    assert (options["rpId"], options["userVerification"]) == ("lamps.example.com", "required")
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/json", "no-store")


@pytest.mark.parametrize(
    ("url", "expected"), [("https://lamps.example.com/associate", 200), ("https://l.example", 404)]
)
def test_the_claim_url_names_the_domain(app: Flask, url: str, expected: int) -> None:
    reader = Reader(app, https=True)
    reader.open("/sign-in")
    claim_url.announce(url)
    assert reader.open("/sign-in/passkey").status == expected
    assert ("Sign in with a passkey" in reader.open("/sign-in").text) == (expected == 200)


def test_where_browsers_offer_no_passkeys_the_page_says_so(app: Flask) -> None:
    reader = Reader(app)
    reader._where["base_url"] = "http://127.0.0.1"
    reader.sign_up()
    assert "Browsers offer passkeys only where" in reader.open("/account").text
    assert reader.open("/account/passkeys/new").status == 404
    assert reader.open("/sign-in/passkey").status == 404
