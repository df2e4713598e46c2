"""Reset a lamp when its time is over, whoever owns it by then."""

from datetime import datetime

from cloud.services import resets
from cloud.services.resets import LampReset
from cloud.store.lamps import Lampi
from cloud.store.reset_requests import ResetRequest

_end = resets._end


def sabotage() -> None:
    """Have every request that is due count as one against the lamp's present owner."""
    setattr(resets, "_end", _end_for_anyone)  # noqa: B010 (a plain assignment has the wrong type to mypy)


def _end_for_anyone(request: ResetRequest, lampi: Lampi | None, rule: LampReset, now: datetime) -> bool:
    if lampi is not None and lampi.user_id is not None:
        request.user_id, request.associated_at = lampi.user_id, lampi.associated_at
    return _end(request, lampi, rule, now)
