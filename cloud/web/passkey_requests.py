"""What a request has to do with passkeys: the page's address, and the browser that challenges are bound to."""

from flask import abort, current_app, request, session
from flask_wtf.csrf import generate_csrf

from cloud.auth.passkey_ceremonies import Ceremony
from cloud.auth.relying_party import RelyingParty, relying_party
from cloud.store import claim_url
from cloud.web.auth import current_time, the_token


def the_party() -> RelyingParty | None:
    """Return the page as authenticators know it, or None if browsers allow no passkeys at its address."""
    return relying_party(request.host_url, claim_url.announced())


def sign_in_ceremony() -> Ceremony:
    """Return the ceremony of a browser that is not signed in; respond with 404 where there are no passkeys."""
    generate_csrf()  # for a browser without one
    return _ceremony(session["csrf_token"])


def registration_ceremony() -> Ceremony:
    """Return the ceremony of a signed-in browser; respond with 404 where there are no passkeys."""
    return _ceremony(the_token())


def _ceremony(browser: str) -> Ceremony:
    party = the_party()
    if party is None:
        abort(404)
    return Ceremony(party, browser, str(current_app.secret_key), current_time())
