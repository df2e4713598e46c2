"""The code policy: time to live, code lengths and guess limits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from peewee import AutoField, BigIntegerField, DoubleField, TextField

from cloud.db.database import Table, run_sql, write_transaction
from cloud.store.codes import LiveSince
from shared.protocol.codes import CODE_LENGTH, SHORT_CODE_LENGTH

SLOTS_A_WINDOW = 24
"""Number of slots in which a window is counted. Guesses leave the window one slot at a time."""


OFFLINE_TTL = timedelta(days=1)
"""Time to live of a code that was issued while its lamp was offline, unless the usual one is longer.

No one has seen such a code, unless the broker is wrong about presence (eclipse-mosquitto#2097): then the lamp shows the
code, so it must be valid. Replacing it as often as a connected lamp's would fill the queue of each offline bridge.
"""


def offline_ttl(ttl: timedelta) -> timedelta:
    """Return the time to live of a code that was issued while its lamp was offline."""
    return max(ttl, OFFLINE_TTL)


class StockScreens(StrEnum):
    """Which lamps get stock treatment; see `Lampi.stock_screen`."""

    AUTO = "auto"
    """Those whose bridges have another name than `lampi-cloud provision` gives them."""
    YES = "yes"
    """All."""
    NO = "no"
    """None."""


@dataclass(frozen=True)
class CodePolicy:
    """The operator's settings for codes. ``ttl`` is None for codes that never expire.

    ``risk`` limits the chance that the guesses of one window hit any lamp. ``guesses_per_user`` and
    ``guesses_per_source`` limit failed guesses in a window.
    """

    ttl: timedelta | None = timedelta(minutes=15)
    risk: float = 0.001
    window: timedelta = timedelta(days=1)
    guesses_per_user: int = 10
    guesses_per_source: int = 100
    shortest: int = SHORT_CODE_LENGTH
    longest: int = CODE_LENGTH
    stock_screens: StockScreens = StockScreens.AUTO

    def live_since(self, now: datetime) -> LiveSince | None:
        """Return the issue times from which codes are live, or None if they never expire.

        Codes of lamps with stock treatment never do.
        """
        return None if self.ttl is None else LiveSince(now - self.ttl, now - offline_ttl(self.ttl))

    @property
    def slot(self) -> timedelta:
        """The length of a time slot."""
        return self.window / SLOTS_A_WINDOW


class AnnouncedPolicy(Table):
    """The single row with the daemon's policy, which all processes apply.

    A process with its own time to live would reject codes that are still on a screen, and one with its own limits would
    break the guarantee for all.
    """

    id = AutoField()
    ttl_seconds = BigIntegerField()
    risk = DoubleField()
    window_seconds = BigIntegerField()
    guesses_per_user = BigIntegerField()
    guesses_per_source = BigIntegerField()
    shortest = BigIntegerField()
    longest = BigIntegerField()
    stock_screens = TextField()

    class Meta:
        table_name = "code_policy"


def announce(policy: CodePolicy) -> None:
    """Make all processes apply this policy."""
    row = {
        "ttl_seconds": 0 if policy.ttl is None else round(policy.ttl.total_seconds()),
        "risk": policy.risk,
        "window_seconds": round(policy.window.total_seconds()),
        "guesses_per_user": policy.guesses_per_user,
        "guesses_per_source": policy.guesses_per_source,
        "shortest": policy.shortest,
        "longest": policy.longest,
        "stock_screens": policy.stock_screens.value,
    }
    with write_transaction():
        if announced() != policy and not AnnouncedPolicy.update(**row).execute():
            AnnouncedPolicy.create(**row)


def announced() -> CodePolicy:
    """Return the announced policy. Before the first announcement: the defaults, with codes that never expire."""
    rows = run_sql(
        "SELECT ttl_seconds, risk, window_seconds, guesses_per_user, guesses_per_source, shortest, longest,"
        " stock_screens FROM code_policy"
    )
    if not rows:
        return CodePolicy(ttl=None)
    ((ttl, risk, window, per_user, per_source, shortest, longest, screens),) = rows
    lifetime = timedelta(seconds=ttl) if ttl else None
    window = timedelta(seconds=window)
    return CodePolicy(lifetime, risk, window, per_user, per_source, shortest, longest, StockScreens(screens))
