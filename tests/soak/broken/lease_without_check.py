"""A lease that is not checked: taken whoever holds it, or believed in after it has run out."""

import uuid
from datetime import datetime, timedelta

from cloud.daemon import mqtt_link as broker
from cloud.db.database import write_transaction
from cloud.store.lease import LEASE_SECONDS, Lease, PublisherLease


def sabotage() -> None:
    """Have every daemon take the lease without a look at who holds it: all lead."""
    setattr(PublisherLease, "acquire", _take)  # noqa: B010 (a plain assignment has the wrong type to mypy)


def sabotage_fence() -> None:
    """Have a leader believe that it leads for ever, and the broker not know that it has a successor."""
    really_acquire = PublisherLease.acquire

    def acquire(lease: PublisherLease, now: datetime, worked_at: datetime | None = None) -> str:
        return lease.holder if lease._expires_at is not None else really_acquire(lease, now, worked_at)

    setattr(PublisherLease, "acquire", acquire)  # noqa: B010
    setattr(PublisherLease, "held", _held_for_ever)  # noqa: B010
    broker.CLIENT_ID = f"lampi-cloud-daemon-{uuid.uuid4().hex[:8]}"


def _take(lease: PublisherLease, now: datetime, _worked_at: datetime | None = None) -> str:
    expires_at = now + timedelta(seconds=LEASE_SECONDS)
    with write_transaction():
        Lease.insert(name="publisher", holder=lease.holder, expires_at=expires_at).on_conflict(
            conflict_target=[Lease.name], preserve=[Lease.holder, Lease.expires_at]
        ).execute()
    lease._expires_at = expires_at
    return lease.holder


def _held_for_ever(lease: PublisherLease, _now: datetime) -> bool:
    return lease._expires_at is not None
