"""What time alone makes due: codes that lapse, lamps that have shown long enough which one they are, old events."""

import logging
from datetime import datetime, timedelta

from cloud import webhook_events
from cloud.identifying import end_identifying
from cloud.rotation import rotate

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0


class Upkeep:
    """Looks about once a second, and without a pause while there is more than a batch to do."""

    def __init__(self, code_ttl: timedelta | None) -> None:
        self._code_ttl = code_ttl
        self._look_at = 0.0

    def do(self, now: datetime, monotonic: float) -> None:
        """Do up to a batch of what is due."""
        if monotonic < self._look_at:
            return
        rotated = [] if self._code_ttl is None else rotate(now - self._code_ttl, now)
        if rotated:
            log.info("Replaced the codes of %d lamps", len(rotated))
        if given_up := webhook_events.give_up(now):
            log.error("The webhook's receiver was never told of %d events, and will not be any more", given_up)
        if not end_identifying(now) and not rotated:
            self._look_at = monotonic + PAUSE_SECONDS
