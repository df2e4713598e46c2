"""Periodic maintenance: `identify` requests, claim URL rollout, stock screens, expired offers, events, wrong clocks."""

import logging
from collections.abc import Callable
from datetime import datetime

from cloud.daemon.stock_screens import StockTreatment
from cloud.rate_limit.policy import StockScreens
from cloud.services.claim_url_rollout import roll_out_claim_url
from cloud.services.identification import end_identifying
from cloud.services.stock_screens import settle_doubt
from cloud.store import offers, outbox, webhook_queue

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0


class Maintenance:
    """Runs about once a second, and without a pause while there is more than one batch to do; stock screens always."""

    def __init__(self, screens: StockScreens = StockScreens.AUTO) -> None:
        self.stock_treatment = StockTreatment(screens)
        self._check_at = 0.0
        self._last: datetime | None = None
        self._given_up = 0

    def step(
        self,
        now: datetime,
        monotonic: float,
        followed_since: datetime | None = None,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """Process up to one batch of due work; see `settle_doubt` for ``followed_since`` and ``leads``."""
        self.stock_treatment.step(now)
        if monotonic < self._check_at:
            return
        if self._last is not None and now < self._last:
            log.warning("The clock was set back by %d s", (self._last - now).total_seconds())
            outbox.correct_future(now)
        self._last = now
        if given_up := webhook_queue.give_up(now):
            self._given_up += given_up
        elif self._given_up:
            log.error("Dropped %d webhook events that could not be delivered", self._given_up)
            self._given_up = 0
        offers.purge(now)
        if rolled_out := roll_out_claim_url():
            log.info("Enqueued the new claim URL for %d lamps", rolled_out)
        settled = 0 if followed_since is None else settle_doubt(followed_since, now, leads)
        if not end_identifying(now) and not rolled_out and not given_up and not settled:
            self._check_at = monotonic + CHECK_SECONDS
