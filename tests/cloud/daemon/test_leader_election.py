"""Leader election: the time from which the lease counts."""

from datetime import datetime, timedelta

import pytest

from cloud.daemon.leader_election import LeaderElection
from cloud.db.database import database_proxy
from cloud.store.lease import LEASE_SECONDS, Lease
from tests.cloud.conftest import NOW

pytestmark = pytest.mark.usefixtures("database")


class Clock:
    """A clock that advances a second with each reading, and notes which ones were made under the write lock."""

    def __init__(self) -> None:
        self.readings: dict[datetime, bool] = {}

    def __call__(self) -> datetime:
        now = NOW + timedelta(seconds=len(self.readings))
        self.readings[now] = database_proxy.in_transaction()
        return now


def test_the_lease_counts_from_when_its_holder_got_the_write_lock() -> None:
    """While it waits, another daemon may renew its lease, which would then seem to end too far in the future."""
    clock = Clock()
    election = LeaderElection(clock)
    assert election.keep()
    counted_from = Lease.get().expires_at - timedelta(seconds=LEASE_SECONDS)
    assert clock.readings[counted_from]
