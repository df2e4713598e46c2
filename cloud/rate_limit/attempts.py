"""Rate limits for attempts, counted in the database so that they span processes and restarts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import BigAutoField, CharField, chunked

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import Table, run_sql, write_transaction
from cloud.db.timestamps import TimestampField, credible, stored
from cloud.errors import TooManyAttempts

FORGOTTEN_AFTER = timedelta(days=1)


class Attempt(Table):
    """A counted attempt. ``who`` is a digest, because users sometimes type their password as the username."""

    id = BigAutoField()
    who = CharField(max_length=64)
    at: datetime = TimestampField(index=True)

    class Meta:
        indexes = ((("who", "at"), False),)


@dataclass(frozen=True)
class Limit:
    """At most ``most`` attempts in any period of length ``within``, for one ``who``."""

    who: tuple[str, ...]
    most: int
    within: timedelta

    @property
    def key(self) -> str:
        """The digest under which attempts are counted."""
        return hashlib.sha256("\0".join(self.who).encode("utf-8", "replace")).hexdigest()


def require_below(limits: Sequence[Limit], now: datetime) -> None:
    """Return if another attempt is allowed. Nothing is counted.

    Raises:
        TooManyAttempts: a limit is reached.
    """
    waits = [wait for limit in limits if (wait := _wait(limit, now)) is not None]
    if waits:
        raise TooManyAttempts(max(waits))


def spend(limits: Sequence[Limit], now: datetime) -> list[int]:
    """Count one attempt against each limit, and return the ids to pass to `refund`.

    Attempts are counted before they are made, so that concurrent attempts can't exceed a limit.

    Raises:
        TooManyAttempts: a limit is reached. Nothing was counted.
    """
    require_below(limits, now)  # before the lock: refused attempts must not contend for it
    with write_transaction():
        _forget_old(now)
        require_below(limits, now)
        return [Attempt.create(who=limit.key, at=now).id for limit in limits]


def refund(spent: Sequence[int]) -> None:
    """Uncount attempts that succeeded."""
    with write_transaction():
        for chunk in chunked(spent, ROWS_A_STATEMENT):
            Attempt.delete().where(Attempt.id.in_(list(chunk))).execute()


def _forget_old(now: datetime) -> None:
    """Delete attempts that no limit counts any more, limited to a batch because a user is waiting for a response."""
    run_sql(
        "DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE at < ? ORDER BY at LIMIT ?)",
        stored(now - FORGOTTEN_AFTER),
        ROWS_A_STATEMENT,
    )


def _wait(limit: Limit, now: datetime) -> timedelta | None:
    """Return how long until a limit allows another attempt, or None if it does now."""
    counted = Attempt.select().where(
        (Attempt.who == limit.key) & (Attempt.at > now - limit.within) & (Attempt.at <= credible(now))
    )
    if counted.count() < limit.most:
        return None
    oldest: Attempt = counted.order_by(Attempt.at).get()
    return oldest.at + limit.within - now
