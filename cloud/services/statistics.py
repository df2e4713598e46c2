"""Statistics read from the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.rate_limit import guess_counts, live_codes, policy
from cloud.store import backups, broker_faults, lease, outbox
from cloud.store.broker_faults import Fault
from cloud.store.lamps import Lampi
from cloud.store.outbox import OutboxMessage


@dataclass(frozen=True)
class Statistics:
    """A snapshot of the statistics.

    ``leader`` is None if there is none.
    ``oldest_seconds`` is the age of the oldest pending message, 0 if there is none. ``faults`` are the broker's
    refusals. ``wrong_codes`` are those of the current guess window, ``guess_budget_used`` is the share of the budget
    that they cost: 1 if nothing is left. ``stock`` counts the unassociated lamps whose codes never expire, since their
    screens may be stock ones.
    """

    lamps: int
    waiting: int
    connected: int
    pending: int
    oldest_seconds: float
    leader: lease.Leader | None
    standbys: int
    code_ttl: timedelta | None
    faults: tuple[Fault, ...] = ()
    backed_up_at: datetime | None = None
    wrong_codes: int = 0
    guess_budget_used: float = 0.0
    stock: int = 0


def read_statistics(now: datetime) -> Statistics:
    """Read the statistics from the database."""
    behind_since = outbox.oldest_pending_at()
    codes = policy.announced()
    guesses = guess_counts.slots_of([guess_counts.EVERYONE], codes, now)[guess_counts.EVERYONE]
    return Statistics(
        lamps=Lampi.select().count(),
        waiting=Lampi.select().where(Lampi.user.is_null()).count(),
        connected=Lampi.select().where(Lampi.connected).count(),
        pending=OutboxMessage.select().count(),
        oldest_seconds=0.0 if behind_since is None else max(0.0, (now - behind_since).total_seconds()),
        leader=lease.leader(now),
        standbys=lease.standbys(now),
        code_ttl=codes.ttl,
        faults=tuple(broker_faults.current()),
        backed_up_at=backups.last_made_at(),
        wrong_codes=guess_counts.failures_in(guesses),
        stock=live_codes.stock_code_count(),
        guess_budget_used=guess_counts.cost_of(guesses) / codes.risk,
    )
