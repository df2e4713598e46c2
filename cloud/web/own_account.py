"""The account page: what lets the user in, where they are signed in, and the programs with a token."""

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask import Response as Page
from flask_babel import gettext
from werkzeug.wrappers import Response

from cloud.auth import accounts, api_tokens, passkeys, recovery_codes, sessions
from cloud.errors import TooManyAttempts, UnknownSession, UnknownToken, WrongPassword
from cloud.web.auth import current_time, leave, refused, signed_in, source, the_token, the_user
from cloud.web.forms import ConfirmForm, Form
from cloud.web.passkey_requests import the_party
from cloud.web.user_agents import browser_in

pages = Blueprint("account", __name__, url_prefix="/account")


@pages.get("")
@signed_in
def mine() -> str:
    """Show the account."""
    user = the_user()
    return render_template(
        "account.html",
        form=Form(),
        codes_left=recovery_codes.codes_left(user),
        codes=recovery_codes.CODES,
        passkeys=passkeys.passkeys_of(user),
        has_passkeys=the_party() is not None,
        sessions=[(each, browser_in(each.user_agent)) for each in sessions.sessions_of(user, current_time())],
        this_session=sessions.name_of(the_token()),
        tokens=api_tokens.tokens_of(user),
    )


@pages.route("/recovery-codes", methods=["GET", "POST"])
@signed_in
def make_recovery_codes() -> Response:
    """Replace the recovery codes after checking the password, and show them once."""
    user, form = the_user(), ConfirmForm()
    codes: list[str] = []
    if form.is_submitted():
        try:
            accounts.require_password(user, form.text("current"), current_time())
            codes = recovery_codes.make_codes(user, current_time(), source())
        except (WrongPassword, TooManyAttempts) as refusal:
            form.refuse("current", refusal)
            return refused(_recovery_codes_page(form, codes), refusal)
    return _recovery_codes_page(form, codes)


def _recovery_codes_page(form: ConfirmForm, codes: list[str]) -> Page:
    left = recovery_codes.codes_left(the_user())
    return make_response(render_template("recovery_codes.html", form=form, codes=codes, codes_left=left))


@pages.post("/sessions/<name>/end")
@signed_in
def end_session(name: str) -> Response:
    """End one of the user's sessions."""
    if name == sessions.name_of(the_token()):
        return _signed_out(gettext("You are signed out."))
    try:
        sessions.end_named(the_user(), name)
    except UnknownSession:
        flash(gettext("This session has already ended."))
    else:
        flash(gettext("The session was ended."))
    return redirect(url_for("account.mine"))


@pages.post("/sessions/end-all")
@signed_in
def end_all_sessions() -> Response:
    """End all of the user's sessions, this browser's among them."""
    sessions.end_all(the_user())
    return _signed_out(gettext("You are signed out everywhere."))


def _signed_out(message: str) -> Response:
    leave()
    flash(message)
    return redirect(url_for("accounts.sign_in"))


@pages.route("/tokens/<int(max=2147483647):number>/revoke", methods=["GET", "POST"])
@signed_in
def revoke_token(number: int) -> Response:
    """Revoke an API token after confirmation."""
    form = Form()
    token = next((each for each in api_tokens.tokens_of(the_user()) if each.id == number), None)
    if token is None:
        flash(gettext("This token has already been revoked."))
        return redirect(url_for("account.mine"))
    if form.is_submitted():
        try:
            api_tokens.revoke(the_user(), number)
        except UnknownToken:
            flash(gettext("This token has already been revoked."))
        else:
            flash(gettext("The token %(name)s was revoked.", name=token.name))
        return redirect(url_for("account.mine"))
    return make_response(render_template("revoke_token.html", form=form, token=token))
