"""API endpoints for offers, by which a user hands a lamp over."""

from contextlib import suppress
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, url_for

from cloud.api.requests import read_source, read_user, refuse_parameters
from cloud.db.timestamps import shown_instant, utc_now
from cloud.errors import NotOffered
from cloud.services import offering
from cloud.store import claim_url
from cloud.store.offers import Offer

offers = Blueprint("offers", __name__, url_prefix="/lamps/<device_id:device_id>/offer")
"""Registered under `/api/v1`. Every view authenticates first."""


@offers.post("")
def make(device_id: str) -> tuple[Response, int, dict[str, str]]:
    """Offer one of the user's lamps. An earlier offer ends."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    offer = offering.make_offer(device_id, now, read_source(), user)
    return _answer(offer), HTTPStatus.CREATED, {"Location": url_for(".show", device_id=device_id)}


@offers.get("")
def show(device_id: str) -> Response:
    """Return the offer of one of the user's lamps."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    return _answer(offering.offer_of(device_id, now, user))


@offers.delete("")
def withdraw(device_id: str) -> tuple[str, int]:
    """Withdraw the offer of one of the user's lamps, if it is offered."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    with suppress(NotOffered):
        offering.withdraw(device_id, now, read_source(), user)
    return "", HTTPStatus.NO_CONTENT


def _answer(offer: Offer) -> Response:
    return jsonify(
        {"code": offer.short_code, "link": claim_url.link_with(offer.code), "until": shown_instant(offer.ends_at)}
    )
