"""What a lamp's page shows, as JSON."""

import json

from cloud.api.lamp_states import shown_state
from cloud.db.timestamps import shown_instant
from cloud.services.lamp_states import LampView, Outcome


def as_json(view: LampView | None) -> str:
    """Return what is known of a lamp; `null` for no lamp.

    To what the API has, it adds the key of what the page says, and when a requested reset will release the lamp.
    """
    if view is None:
        return "null"
    return json.dumps({**shown_state(view), "says": says(view), "release_at": shown_instant(view.release_at)})


def says(view: LampView) -> str:
    """Return which of its sentences the page says: the most important one, empty for none."""
    if not view.is_served:
        return "away"
    if view.outcome in (Outcome.PENDING, Outcome.UNANSWERED):
        return view.outcome.value
    if view.shown is None:
        return "unknown"
    return "" if view.connected else "offline"
