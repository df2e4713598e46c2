"""Pages around sign-in: sign up, sign in, recover, sign out and change password."""

from flask import Blueprint, abort, flash, make_response, redirect, render_template, url_for
from flask import Response as Page
from flask_babel import gettext
from flask_login import current_user
from werkzeug.wrappers import Response

from cloud.auth import accounts, recovery_codes
from cloud.auth.passkeys import passkeys_of
from cloud.errors import (
    BadPasskey,
    BadPassword,
    BadUserName,
    TooManyAttempts,
    UnknownPasskey,
    WrongPassword,
    WrongRecoveryCode,
)
from cloud.web.auth import current_time, leave, let_in, refused, signed_in, source, the_user
from cloud.web.cookies import browser_tokens
from cloud.web.forms import PasskeySignInForm, PasswordForm, RecoverForm, SignInForm
from cloud.web.passkey_requests import sign_in_ceremony, the_party


def pages(sign_up_open: bool) -> Blueprint:
    """Return the account pages. Sign-up responds with 404 unless it is open."""
    blueprint = Blueprint("accounts", __name__)
    blueprint.add_url_rule("/sign-in", view_func=sign_in, methods=["GET", "POST"])
    blueprint.add_url_rule("/sign-in/passkey", view_func=passkey_options, methods=["GET"])
    blueprint.add_url_rule("/sign-in/passkey", view_func=sign_in_with_passkey, methods=["POST"])
    blueprint.add_url_rule(
        "/sign-up", view_func=sign_up if sign_up_open else closed, endpoint="sign_up", methods=["GET", "POST"]
    )
    blueprint.add_url_rule("/recover", view_func=recover, methods=["GET", "POST"])
    blueprint.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    blueprint.add_url_rule("/password", view_func=password, methods=["GET", "POST"])
    blueprint.app_context_processor(lambda: {"sign_up_open": sign_up_open})
    return blueprint


def sign_in() -> Response:
    """Sign in with a username and password."""
    if current_user.is_authenticated:
        return redirect(url_for("lamps.mine"))
    form = SignInForm()
    if form.is_submitted():
        try:
            name, password = form.text("name"), form.text("password")
            return let_in(accounts.sign_in(name, password, source(), current_time(), browser_tokens()))
        except (WrongPassword, TooManyAttempts) as refusal:
            form.refuse("password", refusal)
            return refused(_sign_in_page(form, PasskeySignInForm(formdata=None)), refusal)
    return _sign_in_page(form, PasskeySignInForm())


def passkey_options() -> Response:
    """Return the options with which the browser asks for a passkey, as JSON. Nothing is stored."""
    answer = make_response(sign_in_ceremony().sign_in_options())
    answer.mimetype = "application/json"
    return answer


def sign_in_with_passkey() -> Response:
    """Sign in with a passkey."""
    form = PasskeySignInForm()
    try:
        passkey = sign_in_ceremony().sign_in(form.text("credential"), source())
        return let_in(passkey.user, passkey)
    except (BadPasskey, UnknownPasskey, TooManyAttempts) as refusal:
        form.refuse("credential", refusal)
        return refused(_sign_in_page(SignInForm(formdata=None), form), refusal)
    except WrongPassword:  # changed since the passkey was verified
        form.refuse("credential", BadPasskey())
        return refused(_sign_in_page(SignInForm(formdata=None), form), BadPasskey())


def _sign_in_page(form: SignInForm, passkey_form: PasskeySignInForm) -> Page:
    html = render_template("sign_in.html", form=form, passkey_form=passkey_form, has_passkeys=the_party() is not None)
    return make_response(html)


def sign_up() -> Response:
    """Create an account and sign its owner in."""
    if current_user.is_authenticated:
        return redirect(url_for("lamps.mine"))
    form = SignInForm()
    if form.is_submitted():
        try:
            return let_in(accounts.sign_up(form.text("name"), form.text("password"), source(), current_time()))
        except BadUserName as refusal:
            form.refuse("name", refusal)
            return refused(make_response(render_template("sign_up.html", form=form)), refusal)
        except (BadPassword, TooManyAttempts, WrongPassword) as refusal:
            form.refuse("password", refusal)
            return refused(make_response(render_template("sign_up.html", form=form)), refusal)
    return make_response(render_template("sign_up.html", form=form))


def closed() -> Response:
    """Respond with 404 while sign-up is closed."""
    abort(404)


def recover() -> Response:
    """Set a new password with a recovery code."""
    if current_user.is_authenticated:
        return redirect(url_for("account.mine"))
    form = RecoverForm()
    if form.is_submitted():
        name, code, new = form.text("name"), form.text("code"), form.text("new")
        try:
            user = accounts.recover(name, code, new, source(), current_time(), browser=browser_tokens())
            answer = let_in(user)
        except BadPassword as refusal:
            form.refuse("new", refusal)
            return refused(make_response(render_template("recover.html", form=form)), refusal)
        except (WrongRecoveryCode, WrongPassword, TooManyAttempts) as refusal:
            form.refuse("code", refusal)
            return refused(make_response(render_template("recover.html", form=form)), refusal)
        flash(gettext("Password changed. You are signed out everywhere else."))
        flash(gettext("Recovery codes left: %(number)s.", number=recovery_codes.codes_left(user)))
        if passkeys_of(user):
            flash(gettext("Your passkeys still work. Remove those that you don't recognize, on the account page."))
        return answer
    return make_response(render_template("recover.html", form=form))


def sign_out() -> Response:
    """Sign the browser out."""
    leave()
    flash(gettext("You are signed out."))
    return redirect(url_for("accounts.sign_in"))


@signed_in
def password() -> Response:
    """Change the password and sign out all other browsers."""
    form = PasswordForm()
    if form.is_submitted():
        user = the_user()
        try:
            accounts.change_password(
                user, form.text("current"), form.text("new"), current_time(), remove_keys=form.remove_keys.data
            )
            answer = let_in(user)
        except (WrongPassword, TooManyAttempts) as refusal:
            form.refuse("current", refusal)
            return refused(make_response(render_template("password.html", form=form)), refusal)
        except BadPassword as refusal:
            form.refuse("new", refusal)
            return refused(make_response(render_template("password.html", form=form)), refusal)
        flash(gettext("Password changed. You are signed out everywhere else."))
        if form.remove_keys.data:
            flash(gettext("Your passkeys and recovery codes were removed."))
        return answer
    return make_response(render_template("password.html", form=form))
