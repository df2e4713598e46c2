"""How many codes are live, by the length of their short codes, without looking at the lamps.

Triggers (migration 0004) keep the counts in step with the lamps, whoever writes to them: while nobody owns it, a lamp
counts under the hour in which its code was issued. Codes of an hour lapse together here, up to an hour late, so that
the count is never too low.
"""

from datetime import datetime

from peewee import BigIntegerField, IntegerField

from cloud.database import Table, run_sql
from cloud.guessing.policy import CodePolicy
from cloud.instants import NEVER, InstantField, stored


class LiveCodes(Table):
    """How many lamps wait under codes that were issued in one hour, with short codes of one length."""

    hour: datetime = InstantField()
    short_code_length = IntegerField()
    lamps = BigIntegerField()

    class Meta:
        """Peewee's settings; a unique index over hour and length is all the key that the triggers need."""

        primary_key = False


def counted_from(policy: CodePolicy, now: datetime) -> datetime | None:
    """Return the instant from which on codes must have been issued to count as live; None where all do."""
    if policy.ttl is None:
        return None
    lapsed = now - policy.ttl
    return lapsed.replace(minute=0, second=0, microsecond=0)


def live_codes(policy: CodePolicy, now: datetime) -> dict[int, int]:
    """Return the number of live codes by the length of their short codes."""
    since = stored(counted_from(policy, now) or NEVER)
    counts = run_sql(
        "SELECT short_code_length, SUM(lamps) FROM live_codes WHERE hour >= ? GROUP BY short_code_length", since
    )
    return {length: int(lamps) for length, lamps in counts}
