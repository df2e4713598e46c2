"""The lease that makes one daemon the publisher and any other a standby."""

import os
import socket
import uuid
from datetime import datetime, timedelta
from pathlib import Path

from peewee import TextField

from cloud.database import Table, write_transaction
from cloud.instants import InstantField

LEASE_SECONDS = 6.0
"""How long a leader that fell silent is still believed to be one, where its death can't be seen."""

RENEW_SECONDS = 2.0

CLOCK_SLACK_SECONDS = 2.0
"""How far the clocks of the daemons' machines may differ."""

_PUBLISHER = "publisher"


class Lease(Table):
    """Who may publish, and until when; one row a role, and there is one role."""

    name = TextField(primary_key=True)
    holder = TextField()
    expires_at: datetime = InstantField()


class Standby(Table):
    """A daemon that waits for the lease to be free; it says so each time that it looks."""

    holder = TextField(primary_key=True)
    expires_at: datetime = InstantField()


class PublisherLease:
    """One daemon's hold, or wish to hold, on the lease."""

    def __init__(self) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{this_machine()}:{uuid.uuid4().hex[:8]}"
        self._expires_at: datetime | None = None

    def held(self, now: datetime) -> bool:
        """Tell whether we may publish at this instant, going by what we last wrote."""
        expires_at = self._expires_at  # once: another thread may lose it in between
        return expires_at is not None and now < expires_at

    def acquire(self, now: datetime) -> str:
        """Take or renew the lease where it is ours to have; return who holds it now."""
        expires_at = now + timedelta(seconds=LEASE_SECONDS)
        with write_transaction():
            lease: Lease | None = Lease.get_or_none(Lease.name == _PUBLISHER)
            if lease and lease.holder != self.holder and is_good(lease, now) and not _is_dead(lease.holder):
                self._expires_at = None
                Standby.insert(holder=self.holder, expires_at=expires_at).on_conflict(
                    conflict_target=[Standby.holder], preserve=[Standby.expires_at]
                ).execute()
                return str(lease.holder)
            Standby.delete().where((Standby.holder == self.holder) | (Standby.expires_at <= now)).execute()
            Lease.insert(name=_PUBLISHER, holder=self.holder, expires_at=expires_at).on_conflict(
                conflict_target=[Lease.name], preserve=[Lease.holder, Lease.expires_at]
            ).execute()
        self._expires_at = expires_at
        return self.holder

    def give_back(self) -> None:
        """Let the next one have it at once."""
        self._expires_at = None
        with write_transaction():
            Lease.delete().where((Lease.name == _PUBLISHER) & (Lease.holder == self.holder)).execute()
            Standby.delete().where(Standby.holder == self.holder).execute()


def publisher(now: datetime) -> tuple[str, float] | None:
    """Return who publishes, as a person reads it, and how many seconds ago it last said so; None where nobody does."""
    lease: Lease | None = Lease.get_or_none(Lease.name == _PUBLISHER)
    if lease is None or not is_good(lease, now) or _is_dead(lease.holder):
        return None
    return shown_holder(lease.holder), LEASE_SECONDS - (lease.expires_at - now).total_seconds()


def standbys(now: datetime) -> int:
    """Return how many daemons stand by."""
    waiting = Standby.select().where(Standby.expires_at > now)
    return sum(not _is_dead(each.holder) for each in waiting)


def shown_holder(holder: str) -> str:
    """Return a holder as a person reads it."""
    host, pid, _machine, _nonce = holder.rsplit(":", 3)
    return f"process {pid} on {host}"


def this_machine() -> str:
    """Return what stands for the place where our process ids mean something: this boot, and this container.

    A host's name won't do: clones and containers share it, and a neighbour's living process would be thought dead.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return uuid.uuid4().hex


def is_good(lease: Lease, now: datetime) -> bool:
    """Tell whether a lease still runs; one that runs too long was written by a clock that was wrong."""
    return now < lease.expires_at <= now + timedelta(seconds=LEASE_SECONDS + CLOCK_SLACK_SECONDS)


def somebody_publishes(now: datetime) -> bool:
    """Tell whether a daemon holds the lease, so that what is changed now is soon said."""
    lease: Lease | None = Lease.get_or_none(Lease.name == _PUBLISHER)
    return lease is not None and is_good(lease, now)


def _is_dead(holder: str) -> bool:
    """Tell whether the holder was a process of this machine that is gone: no need to wait for its lease to end."""
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
