"""What a lamp shows, as JSON for the lamp's page."""

import json

from cloud.api.lamp_states import shown_state
from cloud.services.lamp_states import LampView, Outcome


def as_json(view: LampView | None) -> str:
    """Return what is known of a lamp, as the API has it, with the key of what the page says; `null` for no lamp."""
    return json.dumps(None if view is None else {**shown_state(view), "says": says(view)})


def says(view: LampView) -> str:
    """Return which of its sentences the page says: the most important one, empty for none."""
    if not view.is_served:
        return "away"
    if view.outcome in (Outcome.PENDING, Outcome.UNANSWERED):
        return view.outcome.value
    if view.shown is None:
        return "unknown"
    return "" if view.connected else "offline"
