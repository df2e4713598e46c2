"""What is due beside what somebody asks for: codes that lapse, lamps that do not know where they are claimed now."""

import logging
from datetime import datetime, timedelta

from cloud.readdressing import readdress
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
        if readdressed := readdress():
            log.info("Told %d lamps where they are claimed now", readdressed)
        if not readdressed and not rotated:
            self._look_at = monotonic + PAUSE_SECONDS
