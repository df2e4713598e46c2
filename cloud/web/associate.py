"""Pages for associating a lamp, or taking over one that is offered: enter the code, identify the lamp, confirm."""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from cloud.errors import (
    AlreadyAssociated,
    MalformedCode,
    OwnOffer,
    TooManyChanges,
    TooManyGuesses,
    UnknownCode,
    UnknownLamp,
)
from cloud.services import claiming, identification, offering, ownership
from cloud.store import lease
from cloud.store.codes import read_code
from cloud.store.lamps import Lampi
from cloud.web.auth import current_time, refused, signed_in, source, the_user
from cloud.web.forms import CodeForm, FoundForm
from cloud.web.language import explained
from shared.protocol.codes import CODE_LENGTH

FOUND_FOR = timedelta(minutes=10)
"""How long a found lamp can be confirmed before the code must be entered again."""

_LONGEST_SCANNED = 4 * CODE_LENGTH

pages = Blueprint("associate", __name__, url_prefix="/associate")


@pages.get("")
def scanned() -> Response:
    """Show the code field, prefilled with the code from a scanned QR code, or the lamp of an offer's link.

    The code moves from the URL to the session, so that it survives signing in or up. Nothing is associated yet.
    """
    if "code" in request.args:
        session["code"] = request.args["code"][:_LONGEST_SCANNED]
        return redirect(url_for("associate.scanned"))
    return enter()


@signed_in
def enter() -> Response:
    """Show the code field. The link of an offer leads straight to its lamp: there is no screen to light up first."""
    code = session.get("code", "")
    if (offered := offering.offered_by_link(code, current_time())) is not None:
        session.pop("code")
        return _show_found(offered, code)
    return make_response(render_template("associate.html", form=CodeForm(formdata=None, code=code)))


@pages.post("")
@signed_in
def find() -> Response:
    """Look up a code and light up the unclaimed lamp's screen. A wrong code counts as a guess."""
    form = CodeForm()
    session.pop("code", None)
    try:
        lampi = claiming.waiting_under(form.text("code"), the_user(), current_time(), source())
    except (MalformedCode, UnknownCode, TooManyChanges, TooManyGuesses) as refusal:
        form.refuse("code", refusal)
        hint = gettext(refusal.hint) if isinstance(refusal, UnknownCode) else ""
        return refused(make_response(render_template("associate.html", form=form, hint=hint)), refusal)
    with suppress(UnknownLamp, AlreadyAssociated):  # deleted or claimed meanwhile: the next page reports it
        identification.identify(lampi.device_id, current_time(), the_user())
    return _show_found(lampi, read_code(form.text("code")))


@pages.get("/this-lamp")
@signed_in
def found() -> Response:
    """Ask the user to confirm the lamp that was found."""
    try:
        which = _what_was_found()
        lampi = Lampi.named(which["device_id"])
    except (UnknownCode, UnknownLamp):
        return _enter_again(gettext("This page has expired. Enter the code again."))
    if lampi.user_id == the_user().id:
        return redirect(url_for("lamps.yours", device_id=lampi.device_id))
    try:
        claiming.still_waiting(lampi.device_id, which["code"], current_time())
    except UnknownCode:
        return _enter_another()
    form = FoundForm(formdata=None, ticket=which["ticket"])
    if lampi.user_id is not None:
        return make_response(render_template("offered.html", lampi=lampi, form=form))
    daemon_runs = lease.has_leader(current_time())
    identifies = identification.is_identifying(lampi, current_time())
    return make_response(
        render_template("this_lamp.html", lampi=lampi, daemon_runs=daemon_runs, identifies=identifies, form=form)
    )


@pages.post("/identify")
@signed_in
def identify() -> Response:
    """Light up the screen of the lamp that was found."""
    try:
        which = _what_is_meant()
        claiming.still_waiting(which["device_id"], which["code"], current_time())
        identified_already = identification.is_identifying(Lampi.named(which["device_id"]), current_time())
        lampi = identification.identify(which["device_id"], current_time(), the_user())
    except (UnknownCode, UnknownLamp, AlreadyAssociated):
        return _enter_again(gettext("This page has expired. Enter the code again."))
    if not lampi.connected:
        flash(gettext("The lamp is not connected, so its screen can't light up."))
    elif not lease.has_leader(current_time()):
        flash(gettext("The lamp service is unavailable, so the lamp's screen can't light up."))
    elif identified_already:
        flash(gettext("The lamp's screen is still asking “Is this the lamp?”"))
    else:
        flash(gettext("The lamp's screen asks “Is this the lamp?” again."))
    return redirect(url_for("associate.found"))


@pages.post("/this-lamp")
@signed_in
def associate() -> Response:
    """Associate the lamp that was found, if it still has the code that was entered or is still offered by it."""
    user = the_user()
    try:
        which = _what_is_meant()
    except UnknownCode:
        return _enter_again(gettext("This page has expired. Enter the code again."))
    device_id = which["device_id"]
    try:
        claiming.associate_found(device_id, which["code"], user, current_time(), source())
    except (UnknownCode, OwnOffer):
        try:
            ownership.lamp_of(user, device_id)  # the form was submitted twice, or it is the user's own offer
        except UnknownLamp:
            session.pop("found")
            return _enter_another()
    return redirect(url_for("lamps.yours", device_id=device_id))


def _show_found(lampi: Lampi, code: str) -> Response:
    """Remember the lamp that was found by a normalized code, and redirect to the page that asks for confirmation."""
    session["found"] = {
        "device_id": lampi.device_id,
        "code": code,  # normalized to stay short: browsers drop cookies larger than 4 KB
        "at": current_time().isoformat(),
        "ticket": secrets.token_urlsafe(8),
    }
    return redirect(url_for("associate.found"))


def _what_was_found() -> dict[str, Any]:
    """Return the session's record of the last lamp found.

    Raises:
        UnknownCode: there is none, or it is older than `FOUND_FOR`.
    """
    which: dict[str, Any] = session.get("found", {})
    if not which or not current_time() - FOUND_FOR < datetime.fromisoformat(which["at"]) <= current_time():
        raise UnknownCode
    return which


def _what_is_meant() -> dict[str, Any]:
    """Return the last lamp found, if the submitted form belongs to it and not to an earlier one.

    Raises:
        UnknownCode: the form's ticket does not match; see also `_what_was_found`.
    """
    which = _what_was_found()
    if not secrets.compare_digest(FoundForm().text("ticket").encode(), which["ticket"].encode()):
        raise UnknownCode
    return which


def _enter_another() -> Response:
    """Say that the code is unknown by now."""
    return _enter_again(explained(UnknownCode()), gettext(UnknownCode.hint))


def _enter_again(*reasons: str) -> Response:
    for reason in reasons:
        flash(reason)
    return redirect(url_for("associate.scanned"))
