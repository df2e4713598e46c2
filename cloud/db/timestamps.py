"""Timestamps: aware and UTC in the program, naive and UTC in the database."""

from datetime import UTC, datetime, timedelta

from peewee import DateTimeField


def utc_now() -> datetime:
    """Return the current time; called only at entry points, which pass it on as ``now``."""
    return datetime.now(UTC)


def shown_instant(instant: datetime | None) -> str | None:
    """Return an RFC 3339 timestamp such as `2026-11-23T12:00:08.000Z`; None stays None."""
    if instant is None:
        return None
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TimestampField(DateTimeField):
    """A UTC timestamp column without time zone, so that both databases store and compare it the same way."""

    def db_value(self, value: datetime | None) -> datetime | None:
        """Convert an aware timestamp for storage."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def python_value(self, value: object) -> datetime | None:
        """Convert a stored timestamp to an aware one."""
        naive = super().python_value(value)
        return naive.replace(tzinfo=UTC) if isinstance(naive, datetime) else None


_FIELD = TimestampField()

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Earlier than any stored timestamp."""

FAR_FUTURE = datetime(9999, 12, 31, 23, tzinfo=UTC)
"""Later than any other stored timestamp; a whole hour, and spelled out in migration 0020."""


CLOCK_SLACK = timedelta(seconds=2)
"""Maximum clock difference between machines that share a database."""


LONGEST_WAIT = timedelta(minutes=1)


def latest(now: datetime) -> datetime:
    """Return the latest credible timestamp: a later one was written by a machine with a wrong clock."""
    return now + CLOCK_SLACK


def credible(now: datetime) -> datetime:
    """Return the latest credible timestamp for durations of minutes or longer.

    The tolerance exceeds `CLOCK_SLACK`: ``now`` is read before a wait for the write lock, while others write.
    """
    return now + LONGEST_WAIT


def stored(instant: datetime) -> datetime | None:
    """Return a timestamp as a parameter for `run_sql`."""
    return _FIELD.db_value(instant)


def read_stored(value: object) -> datetime:
    """Return a timestamp from a row of `run_sql`.

    Raises:
        ValueError: not a timestamp.
    """
    instant = _FIELD.python_value(value)
    if instant is None:
        raise ValueError("not a timestamp")
    return instant
