"""The current guess budget: `cloud.rate_limit.guess_budget` applied to the counts in the database."""

from datetime import datetime

from cloud.db.database import run_sql
from cloud.rate_limit.guess_budget import FORESEEN_ACCOUNTS, Budget, room_needed
from cloud.rate_limit.guess_counts import EVERYONE, cost_of, slots_of
from cloud.rate_limit.live_codes import live_code_count
from cloud.rate_limit.policy import CodePolicy, announced
from cloud.store import open_sign_up


def budget_with(spent: float, lamps: int, policy: CodePolicy) -> Budget:
    """Return a window's budget, given the cost spent so far and the number of lamps with live codes."""
    return Budget(policy.risk, spent, room_needed(lamps, _foreseen_accounts(), policy.guesses_per_user))


def length_for_new_codes(count: int, replaced: int, now: datetime) -> int:
    """Return the length for the short codes of ``count`` new codes.

    ``replaced``: how many of the codes counted as live the new codes replace.
    """
    policy = announced()
    spent = cost_of(slots_of([EVERYONE], policy, now)[EVERYONE])
    lamps = live_code_count(policy, now) - replaced + count
    return budget_with(spent, lamps, policy).short_code_length(lamps, policy.shortest, policy.longest)


def _foreseen_accounts() -> int:
    """Return the number of accounts that may guess, up to `FORESEEN_ACCOUNTS`: counting a million would be slow.

    While sign-up is open, an attacker can create as many, and faster than codes are replaced.
    """
    if open_sign_up.announced():
        return FORESEEN_ACCOUNTS
    ((accounts,),) = run_sql("SELECT COUNT(*) FROM (SELECT 1 FROM lampi_user LIMIT ?) AS users", FORESEEN_ACCOUNTS)
    return int(accounts)
