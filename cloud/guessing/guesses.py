"""The arithmetic of guessing: what a wrong code costs, how many can be borne, and how long short codes must be.

**The promise.** In any stretch of time as long as the window, the chance that guessing hits any waiting lamp, whoever
guesses and from however many accounts, is at most the stated risk.

**Why it holds.** A guess of k characters hits a lamp whose short code has at most k characters and whose code begins
with the guess. Codes are random, so it hits anything with a chance of at most n / 16^k, where n is the number of live
codes (of lamps that wait, not lapsed) whose short codes have at most k characters: this is its *cost*. A guess is
looked up only while the costs of the window's failed guesses and its own add up to no more than the risk; else it is
refused unread. Up to somebody's first hit every answer is "no", so what is tried until then is as good as a list made
in advance, and the chance that anything on a list hits is at most the sum of its costs. That is why counting the
failures is enough: all guesses before the first hit are failures, and the one that hits was reckoned in before it was
looked up. With n lamps and codes of one length L all the time, it is the plain rule: at most risk * 16^L / n failures.

That codes are replaced changes nothing: a guess at a code and a guess at its successor have the same chance. (Against
codes that stay, a guesser who never repeats a guess has no better one: each entry of the list still counts once.) Nor
does it matter that n changes or that lengths are mixed: each guess costs what it may hit at its own moment, and one
that is too short for every lamp costs nothing. A full code has 2^128 values: it costs nothing that could be measured,
so it is never throttled, and nobody can keep an owner out who scans.

**Room.** Anybody may spend the budget, so it must be larger than what may be spent, else a handful of accounts closes
the service for all: with 1,000 lamps, 6 characters and a risk of 0.001 there are 16 failures a day. So codes are made
as long as it takes for the budget to bear `room_needed` failures, `MARGIN` times over:

- of honest people: `HONEST_ERRORS` for each lamp that waits. That is every owner mistyping three times; or, where a
  lamp waits for an hour and so 24 n lamps find an owner in a day, one wrong code in eight. (Who copies 6 to 9
  characters with an error in 1 to 3 of 100 gets 6 to 24 of 100 codes wrong.)
- of hostile ones: as many accounts as there are, up to `FORESEEN_ACCOUNTS`, each guessing all that it is allowed to.

When more accounts attack than were foreseen, the second half of the budget is kept for codes that are long enough for
what is left, and new codes are made so: within a time to live short codes work again, and the risk stays as stated.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.codes import CODE_LENGTH, SHORT_CODE_LENGTH

HONEST_ERRORS = 3
"""Wrong codes that are borne for each lamp that waits, on top of what is foreseen of attackers."""

FORESEEN_ACCOUNTS = 1000
"""Accounts that may all guess as often as they are allowed to, without anybody else being kept out."""

MARGIN = 4
"""How many times over a new code has room: until all are replaced the number of lamps may double, and the first half of
the budget may have gone on shorter codes."""


def cost(length: int, live: Mapping[int, int]) -> float:
    """Return the chance that a guess of so many characters hits anything.

    ``live`` has the number of live codes by the length of their short codes.
    """
    return float(sum(count for shown, count in live.items() if shown <= length)) / 16.0**length


def room_needed(lamps: int, users: int, guesses_per_user: int) -> int:
    """Return how many failed guesses a window must have room for, honest and hostile."""
    return HONEST_ERRORS * lamps + min(users, FORESEEN_ACCOUNTS) * guesses_per_user


@dataclass(frozen=True)
class Budget:
    """What one window may cost (``risk``), has cost already (``spent``), and must have room for (``room`` failures)."""

    risk: float
    spent: float
    room: int

    def admits(self, price: float, *, longest: bool = False) -> bool:
        """Tell whether a guess of this cost may be looked up.

        ``longest``: codes can't be made longer than this guess, so nothing is gained by keeping half for those.
        """
        if self.spent + price > self.risk:
            return False
        is_long_enough = longest or price * max(1, self.room) <= self.risk - self.spent
        return is_long_enough or self.spent + price <= self.risk / 2

    def short_code_length(self, lamps: int, shortest: int = SHORT_CODE_LENGTH, longest: int = CODE_LENGTH) -> int:
        """Return the least length at which what is left bears the room, with its margin, among so many lamps."""
        bearable = (self.risk - self.spent) / (MARGIN * max(1, self.room))
        for length in range(shortest, longest):
            if lamps / 16.0**length <= bearable:
                return length
        return longest
