"""The guess budget as it stands: the arithmetic of `cloud.guessing.guesses` over what the database has counted."""

from datetime import datetime

from cloud.database import run_sql
from cloud.guessing.guess_counts import EVERYBODY, cost_of, slots_of
from cloud.guessing.guesses import FORESEEN_ACCOUNTS, Budget, room_needed
from cloud.guessing.live_codes import live_codes
from cloud.guessing.policy import CodePolicy, announced


def budget_with(spent: float, lamps: int, policy: CodePolicy) -> Budget:
    """Return the budget of a window that has spent so much, while so many lamps wait under live codes."""
    return Budget(policy.risk, spent, room_needed(lamps, _accounts(), policy.guesses_per_user))


def length_for_new_codes(count: int, replaced: int, now: datetime) -> int:
    """Return how long the short codes of so many new codes must be.

    ``replaced``: how many of the codes that are counted as live they take the place of.
    """
    policy = announced()
    spent = cost_of(slots_of([EVERYBODY], policy, now)[EVERYBODY])
    lamps = sum(live_codes(policy, now).values()) - replaced + count
    return budget_with(spent, lamps, policy).short_code_length(lamps, policy.shortest, policy.longest)


def _accounts() -> int:
    """Return how many users there are, as far as it matters: counting a million takes too long to ask often."""
    ((accounts,),) = run_sql("SELECT COUNT(*) FROM (SELECT 1 FROM lampi_user LIMIT ?) AS users", FORESEEN_ACCOUNTS)
    return int(accounts)
