"""The arithmetic of guessing, by itself: what is admitted, how long codes must be, and that the promise holds."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.rate_limit.guess_budget import Budget, cost, room_needed

DAY = {"risk": 0.001, "spent": 0.0}


def test_a_guess_costs_its_chance_to_hit_anything() -> None:
    assert cost(6, {6: 1000}) == 1000 / 2**24
    assert cost(8, {6: 1000}) == 1000 / 2**32
    assert cost(32, {6: 10**9}) < 1e-28


def test_a_guess_hits_no_lamp_that_shows_more() -> None:
    assert cost(6, {8: 1000}) == 0.0
    assert cost(7, {6: 10, 7: 20, 8: 1000}) == 30 / 16**7


def test_at_one_length_the_budget_is_the_plain_rule() -> None:
    """Risk * 16^L / n: with 1,000 lamps, 6 characters and 0.001 there are 16 failures a day."""
    price, spent, failures = cost(6, {6: 1000}), 0.0, 0
    while failures < 1000 and Budget(0.001, spent, room=1).admits(price, longest=True):
        spent += price
        failures += 1
    assert failures == math.floor(0.001 * 16**6 / 1000) == 16


@pytest.mark.parametrize(
    ("lamps", "users", "length"),
    [(1, 1, 6), (10, 10, 6), (30, 30, 7), (100, 100, 8), (1000, 1000, 9), (1000, 10**6, 9), (10**6, 10**6, 14)],
)
def test_how_long_short_codes_are(lamps: int, users: int, length: int) -> None:
    assert Budget(**DAY, room=room_needed(lamps, users, 10)).short_code_length(lamps) == length


def test_the_operator_sets_the_bounds() -> None:
    budget = Budget(**DAY, room=room_needed(1000, 1000, 10))
    assert budget.short_code_length(1000, longest=6) == 6
    assert budget.short_code_length(1, shortest=12) == 12
    assert Budget(0.001, 0.001, 1).short_code_length(1) == 32  # nothing is left, and nothing breaks


LAMPS = st.integers(1, 10**6)
ROOMS = st.integers(1, 10**7)
RISKS = st.floats(1e-6, 1.0)


@given(lamps=LAMPS, room=ROOMS, risk=RISKS)
def test_a_new_code_has_room_for_all_that_is_foreseen(lamps: int, room: int, risk: float) -> None:
    """Also when meanwhile the lamps have doubled and half of the budget went on other codes."""
    budget = Budget(risk, 0.0, room)
    length = budget.short_code_length(lamps)
    if length == 32:
        return
    assert cost(length, {length: 2 * lamps}) * room <= risk / 2
    assert Budget(risk, risk / 2, room).admits(cost(length, {length: lamps}))


@given(
    lives=st.lists(st.dictionaries(st.integers(6, 12), LAMPS, min_size=1), min_size=1, max_size=5),
    lengths=st.lists(st.integers(6, 12), min_size=1, max_size=60),
    room=ROOMS,
    risk=RISKS,
    longest=st.booleans(),
)
def test_whatever_is_tried_no_more_than_the_risk_is_spent(
    lives: list[dict[int, int]], lengths: list[int], room: int, risk: float, longest: bool
) -> None:
    """The costs of all that is looked up never add up to more, however lamps and lengths change in between."""
    spent = 0.0
    for number, length in enumerate(lengths):
        price = cost(length, lives[number % len(lives)])
        if Budget(risk, spent, room).admits(price, longest=longest):
            spent += price
    assert spent <= risk


def test_when_half_is_spent_only_long_enough_codes_are_looked_up() -> None:
    room = 100
    legacy, long_enough = 0.001 / 64, 0.001 / 64 / 16
    spent = 0.0
    while spent < 1 and Budget(0.001, spent, room).admits(legacy):
        spent += legacy
    assert 0.00045 < spent <= 0.0005
    for _ in range(room):
        assert Budget(0.001, spent, room).admits(long_enough / 8)
        spent += long_enough / 8


def test_the_service_recovers_by_longer_codes_however_often_it_is_attacked() -> None:
    """Far more accounts than were foreseen: each time the codes are replaced, they have room again."""
    lamps, room, spent = 1000, 130, 0.0
    lengths = []
    for _ in range(10):
        length = Budget(0.001, spent, room).short_code_length(lamps)
        price = cost(length, {length: lamps})
        looked_up = 0
        while Budget(0.001, spent, room).admits(price) and looked_up < 40 * room:
            spent += price
            looked_up += 1
        assert looked_up >= room
        lengths.append(length)
    assert spent <= 0.001
    assert lengths == sorted(lengths)
    assert lengths[-1] <= 18


def hits(dice: random.Random, guesses: int, lamps: int) -> bool:
    """Play one window: lamps draw six characters each, an attacker tries a list. Which list does not matter."""
    return any(dice.randrange(16**6) < guesses for _ in range(lamps))


def test_the_chance_to_hit_is_as_stated_over_many_windows() -> None:
    """1,000 lamps, 6 characters, a risk of 0.05: 838 guesses a day; without, five for each of 1,000 accounts."""
    dice, risk, lamps, windows = random.Random(20), 0.05, 1000, 2000
    allowed = math.floor(risk * 16**6 / lamps)
    rate = sum(hits(dice, allowed, lamps) for _ in range(windows)) / windows
    deviation = math.sqrt(risk * (1 - risk) / windows)
    assert risk - 4 * deviation < rate < risk + 3 * deviation  # below: else the measurement would see nothing
    without = sum(hits(dice, 5 * 1000, lamps) for _ in range(windows)) / windows
    assert without > 0.22
