"""The policy for codes: how long they are good for, how long they are, and how often somebody may guess."""

from dataclasses import dataclass
from datetime import timedelta

from peewee import AutoField, BigIntegerField, DoubleField

from cloud.database import Table, run_sql, write_transaction
from shared.codes import CODE_LENGTH, SHORT_CODE_LENGTH

SLOTS_A_WINDOW = 24
"""In how many parts a window is counted: what falls out of it does so by one of them at a time."""


@dataclass(frozen=True)
class CodePolicy:
    """What the operator decided; ``ttl`` is None for codes that never lapse.

    ``risk`` is the chance that the guesses of one window hit anything; the two limits count failed guesses in a window.
    """

    ttl: timedelta | None = timedelta(minutes=15)
    risk: float = 0.001
    window: timedelta = timedelta(days=1)
    guesses_per_user: int = 10
    guesses_per_source: int = 100
    shortest: int = SHORT_CODE_LENGTH
    longest: int = CODE_LENGTH

    @property
    def slot(self) -> timedelta:
        """The part of a window in which failures are added up."""
        return self.window / SLOTS_A_WINDOW


class AnnouncedPolicy(Table):
    """The single row with the daemon's policy, for every process to go by.

    A command with settings of its own would refuse the very code that a screen shows, and a process with limits of its
    own would break everybody's.
    """

    id = AutoField()
    ttl_seconds = BigIntegerField()
    risk = DoubleField()
    window_seconds = BigIntegerField()
    guesses_per_user = BigIntegerField()
    guesses_per_source = BigIntegerField()
    shortest = BigIntegerField()
    longest = BigIntegerField()

    class Meta:
        """Peewee's settings."""

        table_name = "code_policy"


def announce(policy: CodePolicy) -> None:
    """Have every process go by this policy."""
    row = {
        "ttl_seconds": 0 if policy.ttl is None else round(policy.ttl.total_seconds()),
        "risk": policy.risk,
        "window_seconds": round(policy.window.total_seconds()),
        "guesses_per_user": policy.guesses_per_user,
        "guesses_per_source": policy.guesses_per_source,
        "shortest": policy.shortest,
        "longest": policy.longest,
    }
    with write_transaction():
        if announced() != policy and not AnnouncedPolicy.update(**row).execute():
            AnnouncedPolicy.create(**row)


def announced() -> CodePolicy:
    """Return the policy that a daemon announced; where none ever did, the usual one with codes that never lapse."""
    said = run_sql(
        "SELECT ttl_seconds, risk, window_seconds, guesses_per_user, guesses_per_source, shortest, longest"
        " FROM code_policy"
    )
    if not said:
        return CodePolicy(ttl=None)
    ((ttl, risk, window, *limits_and_lengths),) = said
    return CodePolicy(timedelta(seconds=ttl) if ttl else None, risk, timedelta(seconds=window), *limits_and_lengths)
