"""API endpoints for a user's lamps and for codes."""

from collections.abc import Collection, Sequence
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, url_for

from cloud.api.requests import read_page, read_source, read_text_member, read_user, refuse_parameters
from cloud.db.timestamps import shown_instant, utc_now
from cloud.services import claiming, identification, ownership, resets
from cloud.store.lamps import Lampi
from cloud.store.reset_requests import ResetRequest

PAGE = 100

lamps = Blueprint("lamps", __name__, url_prefix="/lamps")
"""Registered under `/api/v1`. Every view authenticates first."""


@lamps.get("")
def list_lamps() -> Response:
    """Return a page of the user's lamps."""
    user = read_user(utc_now())
    after, limit = read_page(PAGE)
    found = ownership.lamps_of(user, after, limit + 1)
    page, more = found[:limit], len(found) > limit
    following = url_for(".list_lamps", after=page[-1].device_id, limit=limit) if more else None
    return jsonify({"lamps": _all_shown(page), "next": following})


@lamps.post("")
def associate() -> tuple[Response, int, dict[str, str]]:
    """Associate the lamp that has this code, or is offered by it. A repeated request returns the same lamp."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    code = read_text_member("code")
    lampi, status = ownership.recently_claimed(user, code, now), HTTPStatus.OK
    if lampi is None:
        lampi = claiming.associate_by_code(code, user, now, read_source())
        status = HTTPStatus.CREATED
    return _answer(lampi), status, {"Location": url_for(".show", device_id=lampi.device_id)}


@lamps.get("/<device_id:device_id>")
def show(device_id: str) -> Response:
    """Return one of the user's lamps."""
    user = read_user(utc_now())
    refuse_parameters()
    return _answer(ownership.lamp_of(user, device_id))


@lamps.patch("/<device_id:device_id>")
def rename(device_id: str) -> Response:
    """Rename one of the user's lamps."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    ownership.lamp_of(user, device_id)  # ownership is checked before the name
    return _answer(ownership.rename(user, device_id, read_text_member("name"), now))


@lamps.delete("/<device_id:device_id>")
def release(device_id: str) -> tuple[str, int]:
    """Release one of the user's lamps."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    ownership.release_own(user, device_id, now, read_source())
    return "", HTTPStatus.NO_CONTENT


@lamps.delete("/<device_id:device_id>/reset")
def refuse_reset(device_id: str) -> tuple[str, int]:
    """Refuse the reset that was requested on the screen of one of the user's lamps."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    resets.refuse(device_id, now, read_source(), user)
    return "", HTTPStatus.NO_CONTENT


@lamps.post("/identify")
def identify() -> tuple[Response, int]:
    """Light up the screen of the lamp that has this code."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    waiting = claiming.waiting_under(read_text_member("code"), user, now, read_source())
    lampi = identification.identify(waiting.device_id, now, user)
    shown = {
        "device_id_ending": lampi.device_id[-4:],
        "connected": lampi.connected,
        "until": shown_instant(lampi.identify_until),
    }
    return jsonify(shown), HTTPStatus.ACCEPTED


def _answer(lampi: Lampi) -> Response:
    return jsonify(*_all_shown([lampi]))


def _all_shown(lamps: Sequence[Lampi]) -> list[dict[str, object]]:
    confirmed, requests = ownership.confirmed_among(lamps), resets.requested_among(lamps)
    return [_shown(lampi, confirmed, requests.get(lampi.device_id)) for lampi in lamps]


def _shown(lampi: Lampi, confirmed: Collection[str], request: ResetRequest | None) -> dict[str, object]:
    reset = request and {
        "requested_at": shown_instant(request.since),
        "release_at": shown_instant(request.due_at),
    }
    return {
        "device_id": lampi.device_id,
        "name": lampi.name,
        "connected": lampi.connected,
        "confirmed": lampi.device_id in confirmed,
        "created_at": shown_instant(lampi.created_at),
        "associated_at": shown_instant(lampi.associated_at),
        "reset": reset,
    }
