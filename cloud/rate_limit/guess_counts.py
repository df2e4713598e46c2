"""Counts of failed guesses, one row for each time slot and counter.

A window is counted in slots (`CodePolicy.slot`). A slot that overlaps the window only partly counts in full, so that a
limit holds for every period of the window's length. Older rows are pruned as new failures come in.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from peewee import BigAutoField, BigIntegerField, DoubleField, TextField

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import Table, run_sql
from cloud.db.timestamps import NEVER, TimestampField, credible, read_stored, stored
from cloud.rate_limit.policy import CodePolicy

EVERYONE = "everybody"
"""Counter for all users and sources together, as stored in the database."""


class GuessCount(Table):
    """Failures in one time slot for the counter ``who``. ``cost`` is defined in `guess_budget`."""

    id = BigAutoField()
    who = TextField()
    slot_at: datetime = TimestampField(index=True)
    failures = BigIntegerField()
    cost = DoubleField()

    class Meta:
        indexes = ((("who", "slot_at"), True),)


class Slot(NamedTuple):
    """The failures of one time slot, their cost, and when the slot leaves the window."""

    failures: int
    cost: float
    leaves_at: datetime


def slots_of(who: Sequence[str], policy: CodePolicy, now: datetime) -> dict[str, list[Slot]]:
    """Return the slots of the window that ends now for each counter, oldest first; slots of the future don't count."""
    lasts = policy.slot + policy.window
    rows = run_sql(
        f"SELECT who, slot_at, failures, cost FROM guess_count WHERE who IN ({', '.join('?' * len(who))})"  # noqa: S608
        " AND slot_at > ? AND slot_at <= ? ORDER BY slot_at",
        *who,
        stored(now - lasts),
        stored(credible(now)),
    )
    found: dict[str, list[Slot]] = {name: [] for name in who}
    for name, slot_at, failures, price in rows:
        found[name].append(Slot(failures, price, read_stored(slot_at) + lasts))
    return found


def failures_in(slots: Iterable[Slot]) -> int:
    """Return the total number of failures."""
    return sum(slot.failures for slot in slots)


def cost_of(slots: Iterable[Slot]) -> float:
    """Return the total cost of the failures."""
    return sum(slot.cost for slot in slots)


def add_failure(who: Sequence[str], price: float, policy: CodePolicy, now: datetime) -> None:
    """Add a failure to each counter. Call it in a write transaction."""
    slot_at = stored(NEVER + (now - NEVER) // policy.slot * policy.slot)
    rows = ", ".join(["(?, ?, 1, ?)"] * len(who))
    run_sql(
        f"INSERT INTO guess_count AS counted (who, slot_at, failures, cost) VALUES {rows} ON CONFLICT (who, slot_at)"  # noqa: S608
        " DO UPDATE SET failures = counted.failures + 1, cost = counted.cost + excluded.cost",
        *(value for name in who for value in (name, slot_at, price)),
    )
    _prune(policy, now)


def _prune(policy: CodePolicy, now: datetime) -> None:
    """Delete expired slots, limited to a batch because a user is waiting for a response."""
    run_sql(
        "DELETE FROM guess_count WHERE id IN (SELECT id FROM guess_count WHERE slot_at <= ? LIMIT ?)",
        stored(now - policy.window - policy.slot),
        ROWS_A_STATEMENT,
    )
