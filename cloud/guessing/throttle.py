"""Throttling: whether a code is looked up at all, and what is written down when it was wrong.

The answer comes before the look-up and is the same for a right code and a wrong one. Limits per user and per source
keep one account and one address from spending what is everybody's; the budget of all together keeps the stated risk.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud import history
from cloud.database import write_transaction
from cloud.guessing.budget import budget_with
from cloud.guessing.guess_counts import EVERYBODY, Slot, add_failure, cost_of, failures_in, slots_of
from cloud.guessing.guesses import cost
from cloud.guessing.live_codes import live_codes
from cloud.guessing.policy import CodePolicy
from cloud.history import Event, Reason
from shared.codes import CODE_LENGTH


@dataclass(frozen=True)
class Guess:
    """Somebody's attempt with a well-formed code of so many characters, at an instant, under that time's policy."""

    length: int
    user_id: int
    user_name: str
    source: str
    now: datetime
    policy: CodePolicy

    @property
    def is_full_code(self) -> bool:
        """True for a code as a QR code has it: it can't be guessed, and so is never throttled."""
        return self.length == CODE_LENGTH

    @property
    def user(self) -> str:
        """What the user is called in the counts."""
        return f"user {self.user_id}"

    @property
    def origin(self) -> str:
        """What the source is called in the counts."""
        return f"source {self.source}"


def wait_for(guess: Guess) -> timedelta | None:
    """Return how long to wait before this may be looked up, or None where it may be now.

    It is sure only inside the write transaction that counts a failure: else others use up in between what is left.
    """
    if guess.is_full_code:
        return None
    counts = slots_of([guess.user, guess.origin, EVERYBODY], guess.policy, guess.now)
    return _longest(
        [
            _wait(counts[guess.user], guess, lambda counted: failures_in(counted) < guess.policy.guesses_per_user),
            _wait(counts[guess.origin], guess, lambda counted: failures_in(counted) < guess.policy.guesses_per_source),
            _budget_wait(counts[EVERYBODY], guess),
        ]
    )


def count_failure(guess: Guess) -> None:
    """Write down a code that was wrong, and charge it; inside the write transaction of the look-up."""
    if guess.is_full_code:
        _note(guess, Reason.UNKNOWN_CODE)
        return
    price = cost(guess.length, live_codes(guess.policy, guess.now))
    add_failure([guess.user, guess.origin, EVERYBODY], price, guess.policy, guess.now)
    _write(guess, Reason.UNKNOWN_CODE)


def note_throttled(guess: Guess) -> None:
    """Write down an attempt that was not looked up."""
    _note(guess, Reason.TOO_MANY_GUESSES)


def _note(guess: Guess, reason: Reason) -> None:
    """Write down what nothing else limits, until it is as much as a user may fail; after that without taking a lock."""
    noted = f"{reason} noted of {guess.user}"
    if failures_in(slots_of([noted], guess.policy, guess.now)[noted]) < guess.policy.guesses_per_user:
        with write_transaction(durable=False):
            add_failure([noted], 0.0, guess.policy, guess.now)
            _write(guess, reason)


def _write(guess: Guess, reason: Reason) -> None:
    history.write(Event.REFUSED, guess.now, guess.source, user_name=guess.user_name, reason=reason)


def _budget_wait(slots: Sequence[Slot], guess: Guess) -> timedelta | None:
    policy, live = guess.policy, live_codes(guess.policy, guess.now)
    price, longest = cost(guess.length, live), guess.length >= policy.longest
    whole = budget_with(0.0, sum(live.values()), policy)
    wait = _wait(slots, guess, lambda counted: replace(whole, spent=cost_of(counted)).admits(price, longest=longest))
    if wait is None or longest or policy.ttl is None:
        return wait
    return min(wait, policy.ttl)  # by then the lamps have longer codes


def _wait(slots: Sequence[Slot], guess: Guess, fits: Callable[[Sequence[Slot]], bool]) -> timedelta | None:
    """Return how long it takes until enough slots, the oldest first, have left the window; None where it fits now."""
    if fits(slots):
        return None
    for number, slot in enumerate(slots, 1):
        if fits(slots[number:]):
            return slot.leaves_at - guess.now
    return guess.policy.window


def _longest(waits: Iterable[timedelta | None]) -> timedelta | None:
    return max((wait for wait in waits if wait is not None), default=None)
