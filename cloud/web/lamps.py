"""Pages for a user's lamps."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user
from werkzeug.wrappers import Response

from cloud.errors import BadLampName, NoResetRequest, TooManyChanges
from cloud.services import ownership, resets
from cloud.store import lease
from cloud.web.auth import current_time, refused, signed_in, source, the_user
from cloud.web.forms import Form, NameForm
from cloud.web.language import explained
from cloud.web.live import current_state

LAMPS_A_PAGE = 50
LAST_PAGE = 10**6

pages = Blueprint("lamps", __name__)


@pages.get("/")
def home() -> Response:
    """Redirect to the user's lamps or to the sign-in page."""
    return redirect(url_for("lamps.mine" if current_user.is_authenticated else "accounts.sign_in"))


@pages.get("/lamps")
@signed_in
def mine() -> str:
    """List the user's lamps."""
    state = current_state()  # before the queries: later changes trigger an event
    number = min(max(1, request.args.get("page", 1, type=int)), LAST_PAGE)
    found, more = ownership.page_of(the_user(), number, LAMPS_A_PAGE)
    return render_template(
        "lamps.html",
        lamps=found,
        resets=resets.requested_among(found),
        more=more,
        number=number,
        state=state,
        form=Form(),
    )


@pages.get("/lamps/<device_id>/yours")
@signed_in
def yours(device_id: str) -> str:
    """Confirm an association and show whether the lamp has received it."""
    state = current_state()
    lampi = ownership.lamp_of(the_user(), device_id)
    return render_template(
        "yours.html",
        lampi=lampi,
        is_confirmed=ownership.is_confirmed(lampi),
        daemon_runs=lease.has_leader(current_time()),
        state=state,
        form=NameForm(formdata=None),
    )


@pages.route("/lamps/<device_id>/rename", methods=["GET", "POST"])
@signed_in
def rename(device_id: str) -> Response:
    """Rename a lamp."""
    form = NameForm()
    lampi = ownership.lamp_of(the_user(), device_id)
    if form.is_submitted():
        try:
            renamed = ownership.rename(the_user(), device_id, form.text("name"), current_time())
        except (BadLampName, TooManyChanges) as refusal:
            form.refuse("name", refusal)
            return refused(make_response(render_template("rename.html", lampi=lampi, form=form)), refusal)
        else:
            flash(gettext("Lamp renamed to %(name)s.", name=renamed.name))
            return redirect(url_for("lamps.mine"))
    else:
        form.name.data = lampi.name
    return make_response(render_template("rename.html", lampi=lampi, form=form))


@pages.route("/lamps/<device_id>/release", methods=["GET", "POST"])
@signed_in
def release(device_id: str) -> Response:
    """Release a lamp after confirmation."""
    form = Form()
    lampi = ownership.lamp_of(the_user(), device_id)
    if form.is_submitted():
        ownership.release_own(the_user(), device_id, current_time(), source())
        if lampi.connected:
            flash(gettext("%(name)s was released. It shows a new code.", name=lampi.name))
        else:
            flash(gettext("%(name)s was released. It shows a new code when it reconnects.", name=lampi.name))
        return redirect(url_for("lamps.mine"))
    return make_response(render_template("release.html", lampi=lampi, form=form))


@pages.post("/lamps/<device_id>/refuse-reset")
@signed_in
def refuse_reset(device_id: str) -> Response:
    """Refuse the reset that was requested on a lamp's screen."""
    try:
        lampi = resets.refuse(device_id, current_time(), source(), the_user())
    except NoResetRequest as refusal:
        flash(explained(refusal))
    else:
        flash(gettext("Reset refused. %(name)s stays yours.", name=lampi.name))
    return redirect(url_for("lamps.mine"))
