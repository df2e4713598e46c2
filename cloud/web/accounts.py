"""Account pages: sign up, sign in, sign out and change password."""

from flask import Blueprint, abort, flash, make_response, redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from cloud.auth import accounts, api_tokens
from cloud.errors import BadPassword, BadUserName, TooManyAttempts, WrongPassword
from cloud.web.auth import current_time, leave, let_in, refused, signed_in, source, the_user
from cloud.web.forms import PasswordForm, SignInForm


def pages(sign_up_open: bool) -> Blueprint:
    """Return the account pages. Sign-up responds with 404 unless it is open."""
    blueprint = Blueprint("accounts", __name__)
    blueprint.add_url_rule("/sign-in", view_func=sign_in, methods=["GET", "POST"])
    blueprint.add_url_rule(
        "/sign-up", view_func=sign_up if sign_up_open else closed, endpoint="sign_up", methods=["GET", "POST"]
    )
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
            return let_in(accounts.sign_in(form.text("name"), form.text("password"), source(), current_time()))
        except (WrongPassword, TooManyAttempts) as refusal:
            form.refuse("password", refusal)
            return refused(make_response(render_template("sign_in.html", form=form)), refusal)
    return make_response(render_template("sign_in.html", form=form))


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


def sign_out() -> Response:
    """Sign the browser out."""
    leave()
    flash("You are signed out.")
    return redirect(url_for("accounts.sign_in"))


@signed_in
def password() -> Response:
    """Change the password and sign out all other browsers."""
    form = PasswordForm()
    if form.is_submitted():
        user = the_user()
        try:
            accounts.change_password(user, form.text("current"), form.text("new"), current_time())
            answer = let_in(user)
        except (WrongPassword, TooManyAttempts) as refusal:
            form.refuse("current", refusal)
            return refused(make_response(_password_page(form)), refusal)
        except BadPassword as refusal:
            form.refuse("new", refusal)
            return refused(make_response(_password_page(form)), refusal)
        flash("Password changed. You are signed out everywhere else.")
        return answer
    return make_response(_password_page(form))


def _password_page(form: PasswordForm) -> str:
    return render_template("password.html", form=form, tokens=api_tokens.tokens_of(the_user()))
