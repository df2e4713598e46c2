"""Pages on which a lamp becomes somebody's: the code, "This lamp?", and the lamp's own answer to that."""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from cloud import association, identifying, lease, ownership
from cloud.codes import read_code
from cloud.errors import AlreadyAssociated, MalformedCode, Refusal, TooManyGuesses, UnknownCode, UnknownLamp
from cloud.models import Lampi
from cloud.web.access import present, refused, signed_in, source, the_user
from cloud.web.forms import CodeForm, FoundForm
from shared.codes import CODE_LENGTH

FOUND_FOR = timedelta(minutes=10)
"""How long "This lamp?" may stand before the code must be entered again."""

_LONGEST_SCANNED = 4 * CODE_LENGTH

pages = Blueprint("associate", __name__, url_prefix="/associate")


@pages.get("")
def scanned() -> Response:
    """Show the field; with the code in it that a QR code brought, which is then taken out of the address.

    It stays in the session, so that it is still there when somebody has signed in or up first. Nothing is associated.
    """
    if "code" in request.args:
        session["code"] = request.args["code"][:_LONGEST_SCANNED]
        return redirect(url_for("associate.scanned"))
    return enter()


@signed_in
def enter() -> Response:
    """Show the field."""
    return make_response(render_template("associate.html", form=CodeForm(formdata=None, code=session.get("code", ""))))


@pages.post("")
@signed_in
def find() -> Response:
    """Look for the lamp under a code, and have its screen say that it is meant: this is a guess, and counts as one."""
    form = CodeForm()
    session.pop("code", None)
    try:
        lampi = association.waiting_under(form.text("code"), the_user(), present(), source())
    except (MalformedCode, UnknownCode, TooManyGuesses) as refusal:
        form.refuse("code", refusal)
        return refused(make_response(render_template("associate.html", form=form)), refusal)
    with suppress(UnknownLamp, AlreadyAssociated):  # forgotten or claimed meanwhile: the next page says so
        identifying.identify(lampi.device_id, present())
    session["found"] = {
        "device_id": lampi.device_id,
        "code": read_code(form.text("code")),  # as short as can be: a browser drops a cookie of more than 4 KB
        "at": present().isoformat(),
        "ticket": secrets.token_urlsafe(8),
    }
    return redirect(url_for("associate.found"))


@pages.get("/this-lamp")
@signed_in
def found() -> Response:
    """Ask whether it is this lamp."""
    try:
        which = _what_was_found()
        lampi = Lampi.named(which["device_id"])
    except (UnknownCode, UnknownLamp):
        return _enter_again("Please enter the code again.")
    if lampi.user_id == the_user().id:
        return redirect(url_for("lamps.yours", device_id=lampi.device_id))
    form = FoundForm(formdata=None, ticket=which["ticket"])
    daemon_runs = lease.somebody_publishes(present())
    return make_response(render_template("this_lamp.html", lampi=lampi, daemon_runs=daemon_runs, form=form))


@pages.post("/identify")
@signed_in
def identify() -> Response:
    """Have the lamp's own screen say once more that it is meant."""
    try:
        lampi = identifying.identify(_what_is_meant()["device_id"], present())
    except (UnknownCode, UnknownLamp, AlreadyAssociated):
        return _enter_again("Please enter the code again.")
    if not lampi.connected:
        flash("The lamp is not connected, so its screen can't light up.")
    elif not lease.somebody_publishes(present()):
        flash("The service that reaches the lamps is down, so the screen can't light up.")
    else:
        flash("The lamp's screen asks “Is this the lamp?” once more.")
    return redirect(url_for("associate.found"))


@pages.post("/this-lamp")
@signed_in
def associate() -> Response:
    """Make the lamp theirs, if it still waits under the code by which it was found."""
    user = the_user()
    try:
        which = _what_is_meant()
    except UnknownCode:
        return _enter_again("Please enter the code again.")
    device_id = which["device_id"]
    try:
        association.associate_found(device_id, which["code"], user, present(), source())
    except UnknownCode as refusal:
        try:
            ownership.lamp_of(user, device_id)  # it was sent twice
        except UnknownLamp:
            session.pop("found")
            return _enter_again(refusal)
    return redirect(url_for("lamps.yours", device_id=device_id))


def _what_was_found() -> dict[str, Any]:
    """Return what the session has of the lamp that was found last.

    Raises:
        UnknownCode: nothing, or it is too long ago.
    """
    which: dict[str, Any] = session.get("found", {})
    if not which or not present() - FOUND_FOR < datetime.fromisoformat(which["at"]) <= present():
        raise UnknownCode
    return which


def _what_is_meant() -> dict[str, Any]:
    """Return what was found, if the form comes from the page that shows it, and not from an older one.

    Raises:
        UnknownCode: it does not; see also `_what_was_found`.
    """
    which = _what_was_found()
    if not secrets.compare_digest(FoundForm().text("ticket").encode(), which["ticket"].encode()):
        raise UnknownCode
    return which


def _enter_again(reason: Refusal | str) -> Response:
    flash(str(reason))
    return redirect(url_for("associate.scanned"))
