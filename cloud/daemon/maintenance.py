"""Periodic maintenance: expired `identify` requests, claim URL rollout, undeliverable webhook events, wrong clocks."""

import logging
from datetime import datetime

from cloud.services.claim_url_rollout import roll_out_claim_url
from cloud.services.identification import end_identifying
from cloud.store import outbox, webhook_queue

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0


class Maintenance:
    """Runs about once a second, and without a pause while there is more than one batch to do."""

    def __init__(self) -> None:
        self._check_at = 0.0
        self._last: datetime | None = None

    def step(self, now: datetime, monotonic: float) -> None:
        """Process up to one batch of due work."""
        if monotonic < self._check_at:
            return
        if self._last is not None and now < self._last:
            log.warning("The clock was set back by %d s", (self._last - now).total_seconds())
            outbox.correct_future(now)
        self._last = now
        if given_up := webhook_queue.give_up(now):
            log.error("Dropped %d webhook events that could not be delivered", given_up)
        if rolled_out := roll_out_claim_url():
            log.info("Enqueued the new claim URL for %d lamps", rolled_out)
        if not end_identifying(now) and not rolled_out:
            self._check_at = monotonic + CHECK_SECONDS
