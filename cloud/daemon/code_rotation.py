"""Code rotation: replaces expired codes of unassociated lamps."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from peewee import ModelSelect, chunked

from cloud.db import bulk
from cloud.db.database import write_transaction
from cloud.db.timestamps import credible
from cloud.rate_limit.policy import announced, offline_ttl
from cloud.services.lamps import enqueue_state, issue_codes
from cloud.store.lamps import Lampi
from shared.logs import about

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0


def rotate_expired(ttl: timedelta, now: datetime) -> list[str]:
    """Rotate up to one batch of codes that are expired or from the future; return their lamps' device ids.

    Codes of lamps with stock treatment don't expire.

    Presence doesn't matter: a lamp that the broker reports as offline may be connected and show its code.
    """
    offline = Lampi.code_issued_offline
    # Four queries: with one condition for all, SQLite would read all unassociated lamps.
    for kind, lifetime in ((~offline, ttl), (offline, offline_ttl(ttl))):
        for when in (Lampi.code_issued_at <= now - lifetime, Lampi.code_issued_at > credible(now)):
            due = Lampi.select().where(Lampi.user.is_null() & when & kind & ~Lampi.stock_screen)
            if rotated := _rotate(due.order_by(Lampi.code_issued_at).limit(bulk.ROWS_A_STATEMENT), now):
                return rotated
    return []


def replace_unseen(connected: Sequence[str], now: datetime) -> None:
    """Replace the codes that were issued while these lamps were offline; call it in the transaction that connects them.

    From now on people see these lamps' codes, so they must expire as soon as others. Where codes never expire, lamps
    keep them; with stock treatment, they never do.
    """
    if announced().ttl is None:
        return
    for chunk in chunked(connected, bulk.ROWS_A_STATEMENT):
        unseen = Lampi.code_issued_offline & Lampi.user.is_null() & ~Lampi.stock_screen
        _rotate(Lampi.select().where(unseen & Lampi.device_id.in_(chunk)), now)


def _rotate(due: ModelSelect, now: datetime) -> list[str]:
    if not due.exists():
        return []
    with write_transaction():
        lamps = list(due)
        issue_codes(lamps, now)
        enqueue_state(lamps)
    return [lampi.device_id for lampi in lamps]


class CodeRotation:
    """Checks for expired codes periodically and rotates them in batches."""

    def __init__(self, code_ttl: timedelta | None) -> None:
        self._code_ttl = code_ttl
        self._check_at = 0.0

    def step(self, now: datetime, monotonic: float) -> int:
        """Rotate one batch of codes if a check is due; return how many."""
        if self._code_ttl is None or monotonic < self._check_at:
            return 0
        rotated = rotate_expired(self._code_ttl, now)
        if not rotated:
            self._check_at = monotonic + CHECK_SECONDS
            return 0
        log.info("Rotated the codes of %d lamps", len(rotated))
        for device_id in rotated:
            log.debug("Rotated the code of lamp %s", device_id, extra=about(device_id))
        return len(rotated)
