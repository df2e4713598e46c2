"""A day of guessing, simulated: hostile accounts and honest owners on the real service, with a clock of its own."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cloud.daemon.code_rotation import rotate_expired
from cloud.errors import TooManyGuesses, UnknownCode
from cloud.rate_limit.policy import announced
from cloud.services.claiming import associate_by_code
from cloud.store.lamps import Lampi, User

MISTYPED = 3
LOOKS_A_DAY = 24
_LOOK = timedelta(days=1) / LOOKS_A_DAY
_DIGITS = "0123456789abcdef"


@dataclass
class Outcome:
    """What became of all that was tried."""

    looked_up: int = 0
    throttled: int = 0
    hits: int = 0
    owners_in: int = 0
    owners_kept_out: list[str] = field(default_factory=list)


class Attack:
    """Hostile accounts guess as often as they want, each from an address of its own; owners come in between."""

    def __init__(self, dice: random.Random, hostile: list[User], owners: list[User]) -> None:
        self._dice = dice
        self._hostile = hostile
        self._owners = owners
        self._length = 6
        self._outcome = Outcome()

    def run(self, start: datetime, guesses_each: int) -> Outcome:
        """Play one day; in every hour codes are replaced, and some owners come."""
        day = [self._hostile_turn(user) for user in self._hostile for _ in range(guesses_each)]
        self._dice.shuffle(day)
        for number, user in enumerate(self._owners):
            day.insert(self._dice.randrange(len(day)), self._owner_turn(user, number))
        for number, turn in enumerate(day):
            now = start + timedelta(days=1) * number / len(day)
            if number % (len(day) // LOOKS_A_DAY) == 0:
                self._replace_codes(now)
            turn(now)
        return self._outcome

    def _replace_codes(self, now: datetime) -> None:
        """Replace codes that would expire before the next check: a daemon checks every second, and is seldom late."""
        while rotate_expired((announced().ttl or timedelta.max) - 2 * _LOOK, now):
            pass
        self._length = Lampi.select(Lampi.short_code_length).where(Lampi.user.is_null()).limit(1).scalar()

    def _hostile_turn(self, user: User) -> Callable[[datetime], None]:
        def guess(now: datetime) -> None:
            if self._try("".join(self._dice.choices(_DIGITS, k=self._length)), user, now):
                self._outcome.hits += 1

        return guess

    def _owner_turn(self, user: User, number: int) -> Callable[[datetime], None]:
        def associate(now: datetime) -> None:
            lampi = Lampi.named(f"{number:012x}")
            code = lampi.association_code[: lampi.short_code_length]
            for place in range(MISTYPED):
                self._try(code[:place] + _DIGITS[int(code[place], 16) - 1] + code[place + 1 :], user, now)
            if self._try(code, user, now):
                self._outcome.owners_in += 1
            else:
                self._outcome.owners_kept_out.append(user.name)

        return associate

    def _try(self, typed: str, user: User, now: datetime) -> bool:
        try:
            associate_by_code(typed, user, now, f"198.51.{user.id // 256}.{user.id % 256}")
        except UnknownCode:
            self._outcome.looked_up += 1
            return False
        except TooManyGuesses:
            self._outcome.throttled += 1
            return False
        return True


def days_with_a_hit(dice: random.Random, hostile: list[User], start: datetime, days: int, guesses: int) -> Outcome:
    """Let a thousand accounts try six characters so often on each of many days; ``hits`` counts days, not hits.

    A day ends with its first hit, and its failures don't count on the next one that is played.
    """
    outcome = Outcome()
    for day in range(days):
        hit = False
        for number in range(guesses):
            now = start + timedelta(days=3 * day) + timedelta(days=1) * number / guesses
            try:
                associate_by_code("".join(dice.choices(_DIGITS, k=6)), dice.choice(hostile), now, "198.51.100.9")
                hit = True
                break
            except UnknownCode:
                outcome.looked_up += 1
            except TooManyGuesses:
                outcome.throttled += 1
        outcome.hits += hit
    return outcome
