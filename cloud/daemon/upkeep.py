"""What is due unasked: lamps that showed long enough which one they are, a new address for claiming, old events."""

import logging
from datetime import datetime

from cloud.identifying import end_identifying
from cloud.readdressing import readdress
from cloud.webhook import events as webhook_events

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Upkeep:
    """Looks about once a second, and without a pause while there is more than a batch to do."""

    def __init__(self) -> None:
        self._look_at = 0.0

    def step(self, now: datetime, monotonic: float) -> None:
        """Do up to a batch of what is due."""
        if monotonic < self._look_at:
            return
        if given_up := webhook_events.give_up(now):
            log.error("The webhook's receiver was never told of %d events, and will not be any more", given_up)
        if readdressed := readdress():
            log.info("Told %d lamps where they are claimed now", readdressed)
        if not end_identifying(now) and not readdressed:
            self._look_at = monotonic + LOOK_SECONDS
