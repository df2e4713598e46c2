"""API endpoints for what a user's lamp shows, and its JSON, which the page uses as well."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify

from cloud.api.problems import bad_member
from cloud.api.requests import read_members, read_user, refuse_others, refuse_parameters
from cloud.db.timestamps import shown_instant, utc_now
from cloud.services import lamp_states
from cloud.services.lamp_states import LampView
from cloud.services.ownership import lamp_of
from shared.protocol import json_members
from shared.protocol.errors import BadPayload
from shared.protocol.payloads import Color, LampConfig

Value = TypeVar("Value")

states = Blueprint("states", __name__, url_prefix="/lamps")
"""Registered under `/api/v1`. Every view authenticates first."""


@states.get("/<device_id:device_id>/state")
def show(device_id: str) -> Response:
    """Return what one of the user's lamps shows."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    return jsonify(shown_state(lamp_states.look_at(user, device_id, now)))


@states.patch("/<device_id:device_id>/state")
def change(device_id: str) -> tuple[Response, int]:
    """Request that one of the user's lamps shows something else."""
    now = utc_now()
    user = read_user(now)
    refuse_parameters()
    lamp_of(user, device_id)  # ownership is checked before the members
    view = lamp_states.request(user, device_id, _read_config(), now)
    return jsonify(shown_state(view)), HTTPStatus.ACCEPTED


def shown_state(view: LampView) -> dict[str, Any]:
    """Return a lamp's state as JSON; a member is null if the lamp has not reported it."""
    shown = view.shown or LampConfig()
    request = None
    if view.outcome is not None:
        request = {"outcome": view.outcome.value, "requested_at": shown_instant(view.requested_at)}
    return {
        "on": shown.on,
        "color": None if shown.color is None else {"h": shown.color.h, "s": shown.color.s},
        "brightness": shown.brightness,
        "connected": view.connected,
        "reported_at": shown_instant(view.reported_at),
        "request": request,
    }


def _read_config() -> LampConfig:
    """Return what the current request's body asks for.

    Raises:
        Problem: the body, or a member of it, is invalid.
    """
    members = read_members(("on", "color", "brightness"))
    if not members:
        raise bad_member("on", "At least one of 'on', 'color' and 'brightness' is required.")
    return LampConfig(
        color=_optional(members, "color", _color),
        brightness=_optional(members, "brightness", json_members.fraction),
        on=_optional(members, "on", json_members.boolean),
    )


def _color(members: dict[str, Any], name: str) -> Color:
    parts = members[name]
    if not isinstance(parts, dict):
        raise BadPayload(f"{name!r} is not an object")
    refuse_others(parts, ("h", "s"))
    return Color(json_members.fraction(parts, "h"), json_members.fraction(parts, "s"))


def _optional(members: dict[str, Any], name: str, read: Callable[[dict[str, Any], str], Value]) -> Value | None:
    """Return a member as ``read`` returns it, or None if it is absent.

    Raises:
        Problem: 422, the member is invalid.
    """
    try:
        return read(members, name) if name in members else None
    except BadPayload as bad:
        raise bad_member(name, f"{bad}.") from None
