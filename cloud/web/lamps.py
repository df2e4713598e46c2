"""Pages for the lamps that somebody owns."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from peewee import fn
from werkzeug.wrappers import Response

from cloud import lease, ownership
from cloud.errors import BadLampName
from cloud.models import Lampi
from cloud.outbox import OutboxMessage
from cloud.web.access import present, signed_in, source, the_user
from cloud.web.forms import Form, NameForm
from cloud.web.live import current_state

LAMPS_A_PAGE = 50
LAST_PAGE = 10**6

pages = Blueprint("lamps", __name__)


@pages.get("/")
def home() -> Response:
    """Send a person to where they have something to do."""
    return redirect(url_for("lamps.mine" if current_user.is_authenticated else "accounts.sign_in"))


@pages.get("/lamps")
@signed_in
def mine() -> str:
    """Show all one's lamps."""
    state = current_state()  # first: what changes after it is said by an event
    number = min(max(1, request.args.get("page", 1, type=int)), LAST_PAGE)
    own = Lampi.select().where(Lampi.user == the_user()).order_by(fn.LOWER(Lampi.name), Lampi.device_id)
    found = list(own.offset((number - 1) * LAMPS_A_PAGE).limit(LAMPS_A_PAGE + 1))
    return render_template(
        "lamps.html",
        lamps=found[:LAMPS_A_PAGE],
        more=len(found) > LAMPS_A_PAGE,
        number=number,
        state=state,
        form=Form(),
    )


@pages.get("/lamps/<device_id>/yours")
@signed_in
def yours(device_id: str) -> str:
    """Confirm that a lamp is one's own now, and tell when it knows."""
    state = current_state()
    lampi = ownership.lamp_of(the_user(), device_id)
    return render_template(
        "yours.html",
        lampi=lampi,
        told=_is_told(lampi),
        daemon_runs=lease.somebody_publishes(present()),
        state=state,
        form=NameForm(formdata=None),
    )


@pages.route("/lamps/<device_id>/rename", methods=["GET", "POST"])
@signed_in
def rename(device_id: str) -> Response:
    """Give a lamp another name."""
    form = NameForm()
    lampi = ownership.lamp_of(the_user(), device_id)
    status = 200
    if form.is_submitted():
        try:
            renamed = ownership.rename(the_user(), device_id, form.text("name"))
        except BadLampName as refusal:
            form.refuse("name", refusal)
            status = 422
        else:
            flash(f"The lamp is now called {renamed.name}.")
            return redirect(url_for("lamps.mine"))
    else:
        form.name.data = lampi.name
    return make_response(render_template("rename.html", lampi=lampi, form=form), status)


@pages.route("/lamps/<device_id>/release", methods=["GET", "POST"])
@signed_in
def release(device_id: str) -> Response:
    """Ask whether a lamp shall be nobody's again, and then make it so."""
    form = Form()
    lampi = ownership.lamp_of(the_user(), device_id)
    if form.is_submitted():
        ownership.give_back(the_user(), device_id, present(), source())
        shows = "shows a new code" if lampi.connected else "shows a new code when it is connected again"
        flash(f"{lampi.name} is nobody's now, and {shows}.")
        return redirect(url_for("lamps.mine"))
    return make_response(render_template("release.html", lampi=lampi, form=form))


def _is_told(lampi: Lampi) -> bool:
    """Tell whether the broker has confirmed all that the lamp is to know."""
    return not OutboxMessage.select().where(OutboxMessage.version == lampi.message_version).exists()
