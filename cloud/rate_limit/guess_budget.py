"""The guess budget: what a wrong code costs, how many can be tolerated, and how long short codes must be.

**Guarantee.** In any period of the window's length, the chance that guessing hits any unclaimed lamp or any offer is at
most the stated risk, regardless of who guesses and from how many accounts.

**Proof.** A guess of k characters hits a lamp if the lamp's short code has at most k characters and its code begins
with the guess. Codes are random, so the chance of hitting any lamp is at most n / 16^k, where n is the number of live
codes (of unclaimed lamps, not expired) whose short codes have at most k characters. This is the guess's *cost*. A guess
is looked up only if its cost and the costs of the window's failed guesses add up to at most the risk; otherwise it is
rejected without a look-up. Until the first hit every answer is "no", so the guesses made until then are equivalent to a
list fixed in advance, and the chance that any entry of a list hits is at most the sum of the costs. Counting only
failures is therefore enough: all guesses before the first hit are failures, and the guess that hits was included before
it was looked up. With n lamps and codes of constant length L, this is the simple rule: at most risk * 16^L / n
failures. The code of an offer is one more live code, and is hit in the same way: in all of this, an offered lamp counts
as an unclaimed one.

Replacing codes changes nothing: a guess has the same chance against a code and against its successor. (Against codes
that are not replaced, the best strategy is never to repeat a guess: each entry of the list still counts once.) A
changing n or mixed lengths do not matter either: each guess is charged for what it could hit at the time, and a guess
that is too short for every lamp costs nothing. A full code has 2^128 values, so its cost is negligible: it is never
throttled, and an attacker can't lock out an owner who scans the QR code.

**Capacity.** Anyone can spend the budget, so it must exceed what can be spent; otherwise a few accounts could block the
service for everyone: with 1,000 lamps, 6 characters and a risk of 0.001, the budget is 16 failures a day. Codes are
therefore made long enough for the budget to cover `room_needed` failures `MARGIN` times over:

- Failures of honest users: `HONEST_ERRORS` for each unclaimed lamp. That allows every owner three mistypings. If each
  lamp is unclaimed for an hour, so that 24 n lamps are claimed in a day, it allows one wrong code in eight. (Copying 6
  to 9 characters with an error rate of 1 to 3 in 100 characters gets 6 to 24 of 100 codes wrong.)
- Failures of attackers: all existing accounts, up to `FORESEEN_ACCOUNTS`, each making all guesses it is allowed.
  While people can create accounts themselves, that many are foreseen from the start.

If more accounts attack than foreseen, the second half of the budget is reserved for codes that are long enough for what
is left, and new codes are made that long: within one time to live short codes work again, and the risk stays as stated.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.protocol.codes import CODE_LENGTH, SHORT_CODE_LENGTH

HONEST_ERRORS = 3
"""Wrong codes tolerated for each unclaimed lamp, in addition to those foreseen from attackers."""

FORESEEN_ACCOUNTS = 1000
"""Accounts that can all use up their guesses without locking out anyone else."""

MARGIN = 4
"""Safety factor for the length of new codes. Until all codes are replaced, the number of lamps may double, and the
first half of the budget may have been spent on shorter codes."""


def cost(length: int, live: Mapping[int, int]) -> float:
    """Return the chance that a guess of ``length`` characters hits any lamp.

    ``live`` maps short code lengths to numbers of live codes.
    """
    return float(sum(count for shown, count in live.items() if shown <= length)) / 16.0**length


def room_needed(lamps: int, users: int, guesses_per_user: int) -> int:
    """Return how many failed guesses, honest and hostile, a window must allow for."""
    return HONEST_ERRORS * lamps + min(users, FORESEEN_ACCOUNTS) * guesses_per_user


@dataclass(frozen=True)
class Budget:
    """A window's limit (``risk``), the cost so far (``spent``) and the failures it must allow for (``room``)."""

    risk: float
    spent: float
    room: int

    def admits(self, price: float, *, longest: bool = False) -> bool:
        """Return whether a guess of this cost may be looked up.

        ``longest``: the guess has the maximum code length, so there are no longer codes to reserve half the budget for.
        """
        if self.spent + price > self.risk:
            return False
        is_long_enough = longest or price * max(1, self.room) <= self.risk - self.spent
        return is_long_enough or self.spent + price <= self.risk / 2

    def short_code_length(self, lamps: int, shortest: int = SHORT_CODE_LENGTH, longest: int = CODE_LENGTH) -> int:
        """Return the smallest code length at which the rest of the budget covers `room` failures with the margin."""
        tolerable = (self.risk - self.spent) / (MARGIN * max(1, self.room))
        for length in range(shortest, longest):
            if lamps / 16.0**length <= tolerable:
                return length
        return longest
