"""The page of one lamp: what it shows, and controls to change it."""

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cloud.errors import UnknownLamp
from cloud.services import lamp_states, offering, ownership
from cloud.services.lamp_states import LampView
from cloud.web.auth import current_time, signed_in, the_user
from cloud.web.forms import Form
from cloud.web.lamp_json import as_json, says
from shared.protocol.payloads import Color, LampConfig

DEGREES, PERCENT = 360, 100
"""What the sliders for hue, and for saturation and brightness, count to."""

_SWITCHED = {"true": True, "false": False}

pages = Blueprint("lamp", __name__)


@pages.get("/lamps/<device_id>")
@signed_in
def show(device_id: str) -> str:
    """Show a lamp; once it was handed over, say so."""
    try:
        view = lamp_states.look_at(the_user(), device_id, current_time())
    except UnknownLamp:
        if not offering.was_handed_over(the_user(), device_id, current_time()):
            raise
        return render_template("handed_over.html")
    lampi = ownership.lamp_of(the_user(), device_id)
    return render_template(
        "lamp.html",
        lampi=lampi,
        release_at=view.release_at,
        shown=_positions(view),
        says=says(view),
        view=as_json(view),
        form=Form(formdata=None),
    )


@pages.post("/lamps/<device_id>")
@signed_in
def change(device_id: str) -> Response:
    """Request a change, and answer a script with what is known of the lamp, a person with the lamp's page."""
    view = lamp_states.request(the_user(), device_id, _wanted(), current_time())
    if request.accept_mimetypes.best == "application/json":
        return make_response(as_json(view), {"Content-Type": "application/json"})
    return redirect(url_for("lamp.show", device_id=device_id))


def _positions(view: LampView) -> dict[str, int | bool | None]:
    """Return whether the lamp is on, and the positions of the sliders; None for what is not known."""
    shown = view.shown or LampConfig()
    return {
        "on": shown.on,
        "hue": None if shown.color is None else round(shown.color.h * DEGREES),
        "saturation": None if shown.color is None else round(shown.color.s * PERCENT),
        "brightness": None if shown.brightness is None else round(shown.brightness * PERCENT),
    }


def _wanted() -> LampConfig:
    """Return what the submitted form asks for; it has the fields that are to change."""
    hue, saturation = _fraction("hue", DEGREES), _fraction("saturation", PERCENT)
    if (hue is None) is not (saturation is None):
        abort(400)
    color = None if hue is None or saturation is None else Color(hue, saturation)
    on = _SWITCHED.get(request.form["on"]) if "on" in request.form else None
    wanted = LampConfig(color, _fraction("brightness", PERCENT), on)
    if wanted == LampConfig():
        abort(400)
    return wanted


def _fraction(name: str, most: int) -> float | None:
    """Return a slider's value as a fraction of its highest, None if it is absent."""
    if name not in request.form:
        return None
    digits = request.form[name]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 4 and int(digits) <= most):
        abort(400)
    return int(digits) / most
