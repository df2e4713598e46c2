"""Leader election: the lease that makes one daemon the publisher and the others standbys."""

import os
import socket
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from peewee import TextField

from cloud.db.database import Table, write_transaction
from cloud.db.timestamps import TimestampField, latest

LEASE_SECONDS = 6.0
"""How long a silent leader keeps the lease when its death can't be detected."""

RENEW_SECONDS = 2.0

_PUBLISHER = "publisher"


class Lease(Table):
    """The holder of the publisher role, when its lease expires, and when it last completed a round of its work.

    There is a single row.
    """

    name = TextField(primary_key=True)
    holder = TextField()
    expires_at: datetime = TimestampField()
    worked_at: datetime | None = TimestampField(null=True)


class Leader(NamedTuple):
    """The leader, for display, and the seconds since it renewed its lease and since it completed a round."""

    shown: str
    renewed_seconds: float
    worked_seconds: float


class Standby(Table):
    """A daemon that waits for the lease; it renews this row with each attempt to acquire the lease."""

    holder = TextField(primary_key=True)
    expires_at: datetime = TimestampField()


class PublisherLease:
    """One daemon's claim to the lease."""

    def __init__(self) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{this_machine()}:{uuid.uuid4().hex[:8]}"
        self._expires_at: datetime | None = None

    def held(self, now: datetime) -> bool:
        """Return whether this daemon holds the lease, according to its last write."""
        expires_at = self._expires_at  # read once: another thread may set it to None
        return expires_at is not None and now < expires_at

    def acquire(self, now: datetime, worked_at: datetime | None = None) -> str:
        """Acquire or renew the lease if possible; return the current holder.

        Read ``now`` under the write lock. ``worked_at`` is when this daemon last completed a round, by default now.
        """
        expires_at = now + timedelta(seconds=LEASE_SECONDS)
        with write_transaction():
            lease: Lease | None = Lease.get_or_none(Lease.name == _PUBLISHER)
            if lease and lease.holder != self.holder and is_good(lease, now) and not _is_dead(lease.holder):
                self._expires_at = None
                Standby.insert(holder=self.holder, expires_at=expires_at).on_conflict(
                    conflict_target=[Standby.holder], preserve=[Standby.expires_at]
                ).execute()
                return str(lease.holder)
            is_over = (Standby.expires_at <= now) | (Standby.expires_at > latest(expires_at))
            Standby.delete().where((Standby.holder == self.holder) | is_over).execute()
            Lease.insert(
                name=_PUBLISHER, holder=self.holder, expires_at=expires_at, worked_at=worked_at or now
            ).on_conflict(
                conflict_target=[Lease.name], preserve=[Lease.holder, Lease.expires_at, Lease.worked_at]
            ).execute()
        self._expires_at = expires_at
        return self.holder

    def resign(self) -> None:
        """Give up the lease, so that a standby can acquire it at once."""
        self._expires_at = None
        with write_transaction():
            Lease.delete().where((Lease.name == _PUBLISHER) & (Lease.holder == self.holder)).execute()
            Standby.delete().where(Standby.holder == self.holder).execute()


def leader(now: datetime) -> Leader | None:
    """Return the leader; None if there is none."""
    lease: Lease | None = Lease.get_or_none(Lease.name == _PUBLISHER)
    if lease is None or not is_good(lease, now) or _is_dead(lease.holder):
        return None
    renewed = LEASE_SECONDS - (lease.expires_at - now).total_seconds()
    worked = 0.0 if lease.worked_at is None else max(0.0, (now - lease.worked_at).total_seconds())
    return Leader(shown_holder(lease.holder), renewed, worked)


def standbys(now: datetime) -> int:
    """Return the number of living standbys."""
    farthest = latest(now + timedelta(seconds=LEASE_SECONDS))
    waiting = Standby.select().where((Standby.expires_at > now) & (Standby.expires_at <= farthest))
    return sum(not _is_dead(each.holder) for each in waiting)


def shown_holder(holder: str) -> str:
    """Return a holder for display."""
    host, pid, _machine, _nonce = holder.rsplit(":", 3)
    return f"process {pid} on {host}"


def this_machine() -> str:
    """Return an id of this boot and PID namespace, within which process ids are unique.

    The host name won't do: clones and containers share it, so a living process elsewhere would be taken for dead.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return uuid.uuid4().hex


def is_good(lease: Lease, now: datetime) -> bool:
    """Return whether a lease is valid. One that expires too far ahead was written by a machine with a wrong clock."""
    return now < lease.expires_at <= latest(now + timedelta(seconds=LEASE_SECONDS))


def has_leader(now: datetime) -> bool:
    """Return whether a daemon holds the lease, so that changes are published soon."""
    lease: Lease | None = Lease.get_or_none(Lease.name == _PUBLISHER)
    return lease is not None and is_good(lease, now)


def _is_dead(holder: str) -> bool:
    """Return whether the holder is a dead process of this machine, so that its lease can be taken over at once."""
    _host, pid, machine, _nonce = holder.rsplit(":", 3)
    if machine != this_machine():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
