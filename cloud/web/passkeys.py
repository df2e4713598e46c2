"""Pages for a user's passkeys: add one in two steps, and remove one.

The first step checks the current password. The second has the browser make the passkey, for which it needs JavaScript.
"""

import json

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from cloud.auth import accounts, passkeys
from cloud.errors import BadPasskey, BadPasskeyName, TooManyAttempts, TranslatableError, UnknownPasskey, WrongPassword
from cloud.web.auth import current_time, refused, signed_in, source, the_user
from cloud.web.forms import Form, MadePasskeyForm, NewPasskeyForm
from cloud.web.passkey_requests import registration_ceremony

pages = Blueprint("passkeys", __name__, url_prefix="/account/passkeys")


@pages.route("/new", methods=["GET", "POST"])
@signed_in
def new() -> Response:
    """Name a passkey and confirm it with the password; then have the browser make it."""
    user, form, ceremony = the_user(), NewPasskeyForm(), registration_ceremony()
    if not form.is_submitted():
        return make_response(render_template("new_passkey.html", form=form))
    try:
        name = passkeys.usable_name(user, form.text("name"))
        accounts.require_password(user, form.text("current"), current_time())
    except (BadPasskeyName, WrongPassword, TooManyAttempts) as refusal:
        form.refuse("name" if isinstance(refusal, BadPasskeyName) else "current", refusal)
        return refused(make_response(render_template("new_passkey.html", form=form)), refusal)
    options = ceremony.registration_options(user)
    made = MadePasskeyForm(formdata=None, name=name, handle=json.loads(options)["user"]["id"])
    return make_response(render_template("make_passkey.html", form=made, options=options))


@pages.post("")
@signed_in
def add() -> Response:
    """Store the passkey that the browser made."""
    form = MadePasskeyForm()
    try:
        registration_ceremony().register(
            the_user(), form.text("name"), form.text("handle"), form.text("credential"), source()
        )
    except (BadPasskey, BadPasskeyName, WrongPassword, TooManyAttempts) as refusal:
        return _start_again(refusal)
    flash(gettext("Passkey added. You can sign in with it from now on."))
    return redirect(url_for("account.mine"))


def _start_again(refusal: TranslatableError) -> Response:
    """Return the first step with an error: the challenge is used up."""
    form = NewPasskeyForm(formdata=None, name=MadePasskeyForm().text("name"))
    form.refuse("name" if isinstance(refusal, BadPasskeyName) else "current", refusal)
    return refused(make_response(render_template("new_passkey.html", form=form)), refusal)


@pages.route("/<int(max=2147483647):number>/remove", methods=["GET", "POST"])
@signed_in
def remove(number: int) -> Response:
    """Remove a passkey after confirmation."""
    form = Form()
    try:
        passkey = passkeys.of_user(the_user(), number)
        if form.is_submitted():
            passkeys.remove(the_user(), number, current_time(), source())
            flash(gettext("The passkey %(name)s was removed.", name=passkey.name))
            return redirect(url_for("account.mine"))
    except UnknownPasskey:
        flash(gettext("This passkey has already been removed."))
        return redirect(url_for("account.mine"))
    return make_response(render_template("remove_passkey.html", form=form, passkey=passkey))
