"""Pages for handing a lamp over: its owner makes an offer, sees it, and withdraws it.

The new owner enters the offer's code, or opens its link: see `cloud.web.associate`.
"""

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from cloud.errors import NotOffered, UnknownLamp, Wait
from cloud.services import offering, ownership
from cloud.store import claim_url
from cloud.store.offers import GOOD_FOR
from cloud.web.auth import current_time, signed_in, source, the_user
from cloud.web.forms import Form
from cloud.web.live import current_state

pages = Blueprint("handover", __name__, url_prefix="/lamps/<device_id>/offer")


@pages.get("")
@signed_in
def offer(device_id: str) -> Response:
    """Show the offer of a lamp, or how to make one; once the lamp was handed over, say so."""
    state = current_state()
    try:
        lampi = ownership.lamp_of(the_user(), device_id)
        offered = offering.offer_of(device_id, current_time(), the_user())
    except NotOffered:
        good_for = Wait.of(GOOD_FOR)
        return make_response(render_template("offer.html", lampi=lampi, good_for=good_for, form=Form()))
    except UnknownLamp:
        if not offering.was_handed_over(the_user(), device_id, current_time()):
            raise
        return make_response(render_template("handed_over.html"))
    left = offered.ends_at - current_time()
    link = claim_url.link_with(offered.code) or url_for("associate.scanned", code=offered.code, _external=True)
    return make_response(
        render_template(
            "offered_by_me.html", lampi=lampi, offer=offered, left=left, link=link, state=state, form=Form()
        )
    )


@pages.post("")
@signed_in
def make(device_id: str) -> Response:
    """Offer a lamp. An earlier offer ends."""
    offering.make_offer(device_id, current_time(), source(), the_user())
    return redirect(url_for("handover.offer", device_id=device_id))


@pages.post("/withdraw")
@signed_in
def withdraw(device_id: str) -> Response:
    """Withdraw the offer of a lamp."""
    try:
        offering.withdraw(device_id, current_time(), source(), the_user())
    except NotOffered:
        flash(gettext("The offer has already ended."))
    except UnknownLamp:
        pass  # the page says so if the lamp was handed over
    else:
        flash(gettext("Offer withdrawn. The lamp stays yours."))
    return redirect(url_for("handover.offer", device_id=device_id))
