"""Counting guesses: failures are added up in the database, a row for each slot of time and whoever they count for.

A window is counted in slots (`CodePolicy.slot`); one that lies in it only in part counts in full, so that a limit holds
for every stretch of time that is as long as the window. What is older is pruned as new failures come in.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from peewee import BigAutoField, BigIntegerField, DoubleField, TextField

from cloud.database import Table
from cloud.instants import InstantField
from cloud.outbox import ROWS_A_STATEMENT
from cloud.policy import CodePolicy

EVERYBODY = "everybody"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GuessCount(Table):
    """What failed in one slot of time, of all that counts together as ``who``; ``cost`` as in `cloud.guesses`."""

    id = BigAutoField()
    who = TextField()
    slot_at: datetime = InstantField(index=True)
    failures = BigIntegerField()
    cost = DoubleField()

    class Meta:
        """Peewee's settings."""

        indexes = ((("who", "slot_at"), True),)


class Slot(NamedTuple):
    """The failures of one slot of time, what they cost, and when the slot has left the window."""

    failures: int
    cost: float
    leaves_at: datetime


def slots_of(who: Sequence[str], policy: CodePolicy, now: datetime) -> dict[str, list[Slot]]:
    """Return what counts in the window that ends now, for each of these, oldest first."""
    found: dict[str, list[Slot]] = {name: [] for name in who}
    lasts = policy.slot + policy.window
    rows = (
        GuessCount.select(GuessCount.who, GuessCount.slot_at, GuessCount.failures, GuessCount.cost)
        .where(GuessCount.who.in_(list(found)) & (GuessCount.slot_at > now - lasts))
        .order_by(GuessCount.slot_at)
    )
    for name, slot_at, failures, price in rows.tuples():
        found[name].append(Slot(failures, price, slot_at + lasts))
    return found


def failures_in(slots: Iterable[Slot]) -> int:
    """Return the number of failures."""
    return sum(slot.failures for slot in slots)


def cost_of(slots: Iterable[Slot]) -> float:
    """Return what the failures cost."""
    return sum(slot.cost for slot in slots)


def add_failure(who: Sequence[str], price: float, policy: CodePolicy, now: datetime) -> None:
    """Count a failure for each of these; inside a write transaction."""
    slot_at = _EPOCH + (now - _EPOCH) // policy.slot * policy.slot
    rows = [{"who": name, "slot_at": slot_at, "failures": 1, "cost": price} for name in who]
    GuessCount.insert_many(rows).on_conflict(
        conflict_target=[GuessCount.who, GuessCount.slot_at],
        update={GuessCount.failures: GuessCount.failures + 1, GuessCount.cost: GuessCount.cost + price},
    ).execute()
    _prune(policy, now)


def _prune(policy: CodePolicy, now: datetime) -> None:
    """Delete what no window will count any more, not too much at once: somebody waits for an answer."""
    past = GuessCount.select(GuessCount.id).where(GuessCount.slot_at <= now - policy.window - policy.slot)
    GuessCount.delete().where(GuessCount.id.in_(past.limit(ROWS_A_STATEMENT))).execute()
