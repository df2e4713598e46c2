"""Instants: always aware and UTC in the program, always UTC in the database."""

from datetime import UTC, datetime

from peewee import DateTimeField


def utc_now() -> datetime:
    """Return the present instant; read at the programs' edges only, and handed on as ``now``."""
    return datetime.now(UTC)


def shown_instant(instant: datetime | None) -> str | None:
    """Return an instant as machines read it (RFC 3339), such as `2026-11-23T12:00:08.000Z`; None stays None."""
    if instant is None:
        return None
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class InstantField(DateTimeField):
    """A column that holds an instant, without its zone: both databases then store and compare it alike."""

    def db_value(self, value: datetime | None) -> datetime | None:
        """Return the instant as it is stored."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def python_value(self, value: object) -> datetime | None:
        """Return the stored instant, aware."""
        naive = super().python_value(value)
        return naive.replace(tzinfo=UTC) if isinstance(naive, datetime) else None


_FIELD = InstantField()

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before everything that is stored."""


def stored(instant: datetime) -> datetime | None:
    """Return an instant as a statement that is written out has it for a parameter."""
    return _FIELD.db_value(instant)


def read_stored(value: object) -> datetime:
    """Return an instant that such a statement brought.

    Raises:
        ValueError: it is none.
    """
    instant = _FIELD.python_value(value)
    if instant is None:
        raise ValueError("not an instant")
    return instant
