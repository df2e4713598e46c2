"""Statistics read from the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.rate_limit import policy
from cloud.store import broker_faults, lease, outbox
from cloud.store.broker_faults import Fault
from cloud.store.lamps import Lampi
from cloud.store.outbox import OutboxMessage


@dataclass(frozen=True)
class Statistics:
    """A snapshot of the statistics.

    ``publisher`` is the leader, None if there is none, and ``publisher_seconds`` the time since it renewed its lease.
    ``oldest_seconds`` is the age of the oldest pending message, 0 if there is none. ``faults`` are the broker's
    refusals.
    """

    lamps: int
    waiting: int
    connected: int
    pending: int
    oldest_seconds: float
    publisher: str | None
    publisher_seconds: float
    standbys: int
    code_ttl: timedelta | None
    faults: tuple[Fault, ...] = ()


def read_statistics(now: datetime) -> Statistics:
    """Read the statistics from the database."""
    publisher = lease.publisher(now)
    behind_since = outbox.oldest_pending_at()
    return Statistics(
        lamps=Lampi.select().count(),
        waiting=Lampi.select().where(Lampi.user.is_null()).count(),
        connected=Lampi.select().where(Lampi.connected).count(),
        pending=OutboxMessage.select().count(),
        oldest_seconds=0.0 if behind_since is None else max(0.0, (now - behind_since).total_seconds()),
        publisher=None if publisher is None else publisher[0],
        publisher_seconds=0.0 if publisher is None else publisher[1],
        standbys=lease.standbys(now),
        code_ttl=policy.announced().ttl,
        faults=tuple(broker_faults.current()),
    )
