"""Requests of states that last: beyond the ownership of whoever made them, or beyond their life."""

from collections.abc import Collection
from datetime import datetime

from cloud.daemon import lamp_states
from cloud.store import state_requests
from cloud.store.state_requests import StateRequest
from shared.mqtt.messages import Publication

_publication = lamp_states._publication


def sabotage_owners() -> None:
    """Have a lamp that changes hands keep the requests for it, and the daemon publish them."""
    setattr(state_requests, "remove", _keep)  # noqa: B010
    setattr(state_requests, "due", _due_of_anyone)  # noqa: B010


def sabotage_expiry() -> None:
    """Have the broker keep a request for a lamp that is away, until that is back."""
    setattr(lamp_states, "_publication", _without_expiry)  # noqa: B010


def _keep(_device_ids: Collection[str]) -> None:
    pass


def _due_of_anyone(now: datetime) -> list[StateRequest]:
    unpublished = StateRequest.select().where(~StateRequest.is_published)
    return [each for each in unpublished if each.is_alive(now)]


def _without_expiry(request: StateRequest, now: datetime) -> Publication:
    return _publication(request, now)._replace(expiry_seconds=None)
