"""Leader election: whether this daemon publishes or stands by."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

import peewee

from cloud.db.database import one_line, write_transaction
from cloud.errors import DatabaseAway
from cloud.store.lease import RENEW_SECONDS, PublisherLease, shown_holder

log = logging.getLogger(__name__)


class LeaderElection:
    """Acquires and renews the lease and logs changes of the leader."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lease = PublisherLease()
        self._leader: str | None = None
        self._renew_at = 0.0
        self._worked_at: datetime | None = None

    def held(self) -> bool:
        """Return whether this daemon may publish now."""
        return self._lease.held(self._now())

    def keep(self) -> bool:
        """Acquire or renew the lease when due; return whether this daemon holds it."""
        now, monotonic = self._now(), time.monotonic()
        we_lead = self._leader == self._lease.holder
        if monotonic < self._renew_at and (self._lease.held(now) or not we_lead):
            return we_lead
        with write_transaction():  # then the clock: waiting for the lock may take longer than another daemon's renewal
            leader = self._lease.acquire(self._now(), self._worked_at if we_lead else None)
        self._renew_at = monotonic + RENEW_SECONDS
        if leader != self._leader:
            if leader == self._lease.holder:
                log.info("This daemon is the leader")
            else:
                log.warning("Standing by; the leader is %s", shown_holder(leader))
        self._leader = leader
        return leader == self._lease.holder

    def start_over(self) -> None:
        """Forget the lease: it is in a database that was replaced."""
        self._lease = PublisherLease()
        self._leader, self._renew_at = None, 0.0

    def note_work(self) -> None:
        """Record that a round was completed; the next renewal stores it."""
        self._worked_at = self._now()

    def resign(self) -> None:
        """Give up the lease, so that a standby can take over at once."""
        try:
            self._lease.resign()
        except (peewee.PeeweeException, DatabaseAway) as fault:
            log.info("Could not give up the lease (%s); it expires by itself", one_line(fault))
