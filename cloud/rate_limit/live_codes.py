"""Counts of live codes by short code length, without scanning the lamps.

Database triggers (migrations 0004 and 0020) update the counts with every change to the lamps. An unclaimed lamp counts
in the hour in which its code was issued. The codes of an hour expire together, up to an hour late, so the count is
never too low. The codes of offline lamps are valid for longer (`cloud.rate_limit.policy`). A lamp with stock treatment
counts in an hour of the far future, since its code never expires.

The codes of offers (`cloud.store.offers`) are live, too: a guess can hit them. They are so few that they are counted
when needed.
"""

from collections import Counter
from datetime import datetime

from peewee import BigIntegerField, IntegerField

from cloud.db.database import Table, run_sql
from cloud.db.timestamps import FAR_FUTURE, NEVER, TimestampField, stored
from cloud.rate_limit.policy import CodePolicy, offline_ttl
from cloud.store import offers


class LiveCodes(Table):
    """The number of unclaimed lamps whose codes were issued in one hour, for one short code length."""

    hour: datetime = TimestampField()
    short_code_length = IntegerField()
    lamps = BigIntegerField()

    class Meta:
        """Peewee options. The triggers need only a unique index over hour and length."""

        primary_key = False


def counted_from(policy: CodePolicy, now: datetime) -> datetime | None:
    """Return the issue time from which codes count as live, or None if codes never expire."""
    if policy.ttl is None:
        return None
    oldest = now - offline_ttl(policy.ttl)
    return oldest.replace(minute=0, second=0, microsecond=0)


def live_codes(policy: CodePolicy, now: datetime) -> dict[int, int]:
    """Return the number of live codes, of lamps and offers, for each short code length."""
    since = stored(counted_from(policy, now) or NEVER)
    counts = run_sql(
        "SELECT short_code_length, SUM(lamps) FROM live_codes WHERE hour >= ? GROUP BY short_code_length", since
    )
    live = Counter({length: int(lamps) for length, lamps in counts})
    return live + Counter(offers.live_codes(now))


def live_code_count(policy: CodePolicy, now: datetime) -> int:
    """Return the number of live codes of all lengths."""
    return sum(live_codes(policy, now).values())


def codes_can_grow(policy: CodePolicy, now: datetime) -> bool:
    """Return whether any live code is of an offer, or of a lamp without stock treatment: only those become longer."""
    since = stored(counted_from(policy, now) or NEVER)
    growing = "SELECT 1 FROM live_codes WHERE hour >= ? AND hour < ? LIMIT 1"
    return bool(run_sql(growing, since, stored(FAR_FUTURE))) or bool(offers.live_codes(now))


def stock_code_count() -> int:
    """Return the number of codes that never expire, since their lamps have stock treatment."""
    ((lamps,),) = run_sql("SELECT COALESCE(SUM(lamps), 0) FROM live_codes WHERE hour = ?", stored(FAR_FUTURE))
    return int(lamps)
