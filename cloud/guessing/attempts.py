"""How often something may be tried: counted in the database, so that all processes and restarts go by it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import BigAutoField, CharField, chunked

from cloud.bulk import ROWS_A_STATEMENT
from cloud.database import Table, write_transaction
from cloud.errors import TooManyAttempts
from cloud.instants import InstantField

FORGOTTEN_AFTER = timedelta(days=1)


class Attempt(Table):
    """One attempt that counts. ``who`` is a digest: people type passwords where their names belong."""

    id = BigAutoField()
    who = CharField(max_length=64)
    at: datetime = InstantField(index=True)

    class Meta:
        """Peewee's settings."""

        indexes = ((("who", "at"), False),)


@dataclass(frozen=True)
class Limit:
    """Who may try a thing how often (``most``) in any stretch of time as long as ``within``."""

    who: tuple[str, ...]
    most: int
    within: timedelta

    @property
    def key(self) -> str:
        """What its attempts are counted under."""
        return hashlib.sha256("\0".join(self.who).encode("utf-8", "replace")).hexdigest()


def spend(limits: Sequence[Limit], now: datetime) -> list[int]:
    """Count one attempt against each limit; return what `give_back` takes.

    It is counted before it is made: however many are made at once, no more than the limit are.

    Raises:
        TooManyAttempts: a limit is reached; nothing was counted.
    """
    with write_transaction():
        Attempt.delete().where(Attempt.at < now - FORGOTTEN_AFTER).execute()
        waits = [wait for limit in limits if (wait := _wait(limit, now)) is not None]
        if waits:
            raise TooManyAttempts(max(waits))
        return [Attempt.create(who=limit.key, at=now).id for limit in limits]


def give_back(spent: Sequence[int]) -> None:
    """Take attempts off the count: they succeeded."""
    with write_transaction():
        for chunk in chunked(spent, ROWS_A_STATEMENT):
            Attempt.delete().where(Attempt.id.in_(list(chunk))).execute()


def _wait(limit: Limit, now: datetime) -> timedelta | None:
    """Return how long it takes until a limit leaves room again, None where it does now."""
    counted = Attempt.select().where((Attempt.who == limit.key) & (Attempt.at > now - limit.within))
    if counted.count() < limit.most:
        return None
    oldest: Attempt = counted.order_by(Attempt.at).get()
    return oldest.at + limit.within - now
