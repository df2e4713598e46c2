"""Throttling of guesses: decides whether a code is looked up, and records wrong codes.

The decision precedes the look-up and is the same for right and wrong codes. Limits per user, source and wider
network keep one attacker from using up the shared budget; the budget itself guarantees the stated risk.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud.db.database import write_transaction
from cloud.rate_limit.current_budget import budget_with
from cloud.rate_limit.guess_budget import cost
from cloud.rate_limit.guess_counts import EVERYONE, Slot, add_failure, cost_of, failures_in, slots_of
from cloud.rate_limit.live_codes import codes_can_grow, live_codes
from cloud.rate_limit.networks import network_limits
from cloud.rate_limit.policy import CodePolicy
from cloud.store import audit_log
from cloud.store.audit_log import AuditEvent, Reason
from shared.protocol.codes import CODE_LENGTH


@dataclass(frozen=True)
class Guess:
    """A user's attempt with a well-formed code of ``length`` characters, under the policy in force at ``now``."""

    length: int
    user_id: int
    user_name: str
    source: str
    now: datetime
    policy: CodePolicy

    @property
    def is_full_code(self) -> bool:
        """True for a full code, as in a QR code. It can't be guessed, so it is never throttled."""
        return self.length == CODE_LENGTH

    @property
    def user(self) -> str:
        return f"user {self.user_id}"

    @property
    def limits(self) -> dict[str, int]:
        """The counters of user, source and wider networks, each with the most failures in a window."""
        networks = network_limits(self.source, self.policy.guesses_per_source)
        return {self.user: self.policy.guesses_per_user} | {f"source {name}": most for name, most in networks.items()}


def wait_for(guess: Guess) -> timedelta | None:
    """Return how long to wait before this guess may be looked up, or None if it may be now.

    The answer is binding only in the write transaction that counts a failure; otherwise concurrent guesses may use up
    the budget in between.
    """
    if guess.is_full_code:
        return None
    limits = guess.limits
    counts = slots_of([*limits, EVERYONE], guess.policy, guess.now)
    waits = [_limit_wait(counts[who], guess, most) for who, most in limits.items()]
    return _longest([*waits, _budget_wait(counts[EVERYONE], guess)])


def count_failure(guess: Guess) -> None:
    """Record a wrong code and charge its cost. Call it in the write transaction of the look-up."""
    if guess.is_full_code:
        _note(guess, Reason.UNKNOWN_CODE)
        return
    price = cost(guess.length, live_codes(guess.policy, guess.now))
    add_failure([*guess.limits, EVERYONE], price, guess.policy, guess.now)
    _write(guess, Reason.UNKNOWN_CODE)


def note_throttled(guess: Guess) -> None:
    """Record an attempt that was throttled."""
    _note(guess, Reason.TOO_MANY_GUESSES)


def _note(guess: Guess, reason: Reason) -> None:
    """Record an uncharged attempt, up to the user's limit of failures. Beyond it, return without taking a lock."""
    noted = f"{reason} noted of {guess.user}"
    if failures_in(slots_of([noted], guess.policy, guess.now)[noted]) < guess.policy.guesses_per_user:
        with write_transaction(durable=False):
            add_failure([noted], 0.0, guess.policy, guess.now)
            _write(guess, reason)


def _write(guess: Guess, reason: Reason) -> None:
    audit_log.write(AuditEvent.REFUSED, guess.now, guess.source, user_name=guess.user_name, reason=reason)


def _limit_wait(slots: Sequence[Slot], guess: Guess, most: int) -> timedelta | None:
    return _wait(slots, guess, lambda counted: failures_in(counted) < most)


def _budget_wait(slots: Sequence[Slot], guess: Guess) -> timedelta | None:
    policy, live = guess.policy, live_codes(guess.policy, guess.now)
    price = cost(guess.length, live)
    longest = guess.length >= policy.longest or not codes_can_grow(policy, guess.now)
    whole = budget_with(0.0, sum(live.values()), policy)
    wait = _wait(slots, guess, lambda counted: replace(whole, spent=cost_of(counted)).admits(price, longest=longest))
    if wait is None or longest or policy.ttl is None:
        return wait
    return min(wait, policy.ttl)  # by then all connected lamps have longer codes


def _wait(slots: Sequence[Slot], guess: Guess, fits: Callable[[Sequence[Slot]], bool]) -> timedelta | None:
    """Return how long until enough of the oldest slots have left the window, or None if the guess fits now."""
    if fits(slots):
        return None
    for number, slot in enumerate(slots, 1):
        if fits(slots[number:]):
            return slot.leaves_at - guess.now
    return guess.policy.window


def _longest(waits: Iterable[timedelta | None]) -> timedelta | None:
    return max((wait for wait in waits if wait is not None), default=None)
