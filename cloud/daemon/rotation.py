"""Rotation: the code of a lamp that waits is replaced when it is older than its time to live."""

import logging
from datetime import datetime, timedelta

from cloud.bulk import ROWS_A_STATEMENT
from cloud.database import write_transaction
from cloud.models import Lampi
from shared.logs import about

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def rotate(issued_before: datetime, now: datetime) -> list[str]:
    """Give new codes to up to a batch of connected lamps whose codes lapsed; return the lamps' ids.

    Lamps that are away keep theirs, which is worth nothing any more, until they come back.
    """
    lapsed = (
        Lampi.select()
        .where(Lampi.user.is_null() & (Lampi.code_issued_at <= issued_before) & Lampi.connected)
        .order_by(Lampi.code_issued_at)
        .limit(ROWS_A_STATEMENT)
    )
    if not lapsed.exists():
        return []
    with write_transaction():
        lamps = list(lapsed)
        Lampi.issue_codes(lamps, now)
        Lampi.tell(lamps)
    return [lampi.device_id for lampi in lamps]


class Rotation:
    """Looks from time to time for codes that lapsed, and replaces them a batch at a time."""

    def __init__(self, code_ttl: timedelta | None) -> None:
        self._code_ttl = code_ttl
        self._look_at = 0.0

    def step(self, now: datetime, monotonic: float) -> int:
        """Replace a batch of codes when it is time to look; return how many."""
        if self._code_ttl is None or monotonic < self._look_at:
            return 0
        rotated = rotate(now - self._code_ttl, now)
        if not rotated:
            self._look_at = monotonic + LOOK_SECONDS
            return 0
        log.info("Replaced the codes of %d lamps", len(rotated))
        for device_id in rotated:
            log.debug("Replaced the code of the lamp %s", device_id, extra=about(device_id))
        return len(rotated)
