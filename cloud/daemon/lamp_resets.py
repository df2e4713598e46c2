"""Resets at the lamp: answers lamps that ask to be released, and releases them when their owners' time is over."""

import logging
from datetime import datetime
from itertools import islice

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.services.resets import LampReset, answer, end_due
from shared.logs import about

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0


class LampResets:
    """Requests that were received but not answered yet, one a lamp, and the stages whose time is over."""

    MOST_LAMPS = 10_000
    """Further requests are dropped: lamps repeat them."""

    def __init__(self, rule: LampReset) -> None:
        self._rule = rule
        self._asked: dict[str, str | None] = {}
        self._check_at = 0.0

    def add(self, device_id: str, ticket: str | None) -> None:
        """Add a lamp's request. A confirmation counts more than a request for an offer."""
        if device_id in self._asked or len(self._asked) < self.MOST_LAMPS:
            self._asked[device_id] = ticket or self._asked.get(device_id)

    def clear(self) -> None:
        """Drop all requests."""
        self._asked.clear()

    def step(self, now: datetime, monotonic: float) -> None:
        """Answer one batch of requests, and about once a second end one batch of stages."""
        if batch := dict(islice(self._asked.items(), ROWS_A_STATEMENT)):
            answer(batch, self._rule, now)
            for device_id in batch:  # only after the write: on a database error it is retried
                del self._asked[device_id]
        if monotonic < self._check_at:
            return
        released = end_due(self._rule, now)
        if not released:
            self._check_at = monotonic + CHECK_SECONDS
        for device_id in released:
            log.info("Released the lamp %s, as requested on its screen", device_id, extra=about(device_id))
