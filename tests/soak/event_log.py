"""What the database itself notes, in the order of its transactions: owners, stages of resets, requests to lamps.

Triggers of the harness's own write the notes, in the transaction of the change, whatever the build says of it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import peewee


class What(StrEnum):
    """What happened to a lamp."""

    OWNER = "owner"
    """An owner, ``user``, was removed or replaced by ``other``; ``word`` is the lamp's code now."""
    STAGE = "stage"
    """A reset asked against ``user`` entered a stage; ``word`` is the stage and the ticket."""
    DAY_PASSED = "day passed"
    """The harness let the time of the present stage be over."""
    RESET = "reset"
    """The next removal of the lamp's owner is a reset."""
    ASKED = "asked"
    """A state with this ``value`` was requested by ``user``; ``other`` owns the lamp."""
    PUBLISHED = "published"
    """The same, as it was handed to the broker."""
    CONFIRMED = "confirmed"
    """The same, as it was found answered."""


@dataclass(frozen=True)
class Event:
    """One note; ``since`` is when ``user`` became the owner, as the database writes it."""

    number: int
    device_id: str
    what: What
    user: int | None = None
    other: int | None = None
    since: str | None = None
    word: str | None = None
    value: float | None = None


class _Note(NamedTuple):
    what: What
    table: str
    change: str
    condition: str
    columns: str
    """Expressions for user, other, since, word, value."""


_OWNER_NOW = "(SELECT user_id FROM lampi WHERE device_id = NEW.device_id)"
_OF_REQUEST = f"NEW.user_id, {_OWNER_NOW}, NULL, NULL, NEW.brightness"
_OF_STAGE = "NEW.user_id, NULL, NEW.associated_at, NEW.stage || ' ' || NEW.ticket, NULL"
_NOTHING = "NULL, NULL, NULL, NULL, NULL"
_NOTES = (
    _Note(
        What.OWNER,
        "lampi",
        "UPDATE OF user_id",
        "OLD.user_id IS NOT NULL AND (NEW.user_id IS NULL OR NEW.user_id <> OLD.user_id)",
        "OLD.user_id, NEW.user_id, OLD.associated_at, NEW.association_code, NULL",
    ),
    _Note(What.STAGE, "reset_request", "INSERT", "1 = 1", _OF_STAGE),
    _Note(What.DAY_PASSED, "reset_request", "UPDATE OF due_at", "1 = 1", _OF_STAGE),
    _Note(What.RESET, "history", "INSERT", "NEW.event = 'reset'", _NOTHING),
    _Note(What.ASKED, "state_request", "INSERT", "1 = 1", _OF_REQUEST),
    _Note(What.ASKED, "state_request", "UPDATE OF requested_at", "1 = 1", _OF_REQUEST),
    _Note(What.PUBLISHED, "state_request", "UPDATE OF is_published", "NEW.is_published", _OF_REQUEST),
    _Note(What.CONFIRMED, "state_request", "UPDATE OF is_answered", "NEW.is_answered", _OF_REQUEST),
)


class EventLog:
    """The notes, from `begin` on; each is taken once."""

    def __init__(self, database: peewee.Database) -> None:
        self._database = database

    def begin(self) -> None:
        """Have the database take notes."""
        is_sqlite = isinstance(self._database, peewee.SqliteDatabase)
        key = "INTEGER PRIMARY KEY AUTOINCREMENT" if is_sqlite else "BIGSERIAL PRIMARY KEY"
        self._database.execute_sql(
            f"CREATE TABLE soak_event (number {key}, device_id TEXT, what TEXT, user_id BIGINT, other_id BIGINT,"
            " since TEXT, word TEXT, value DOUBLE PRECISION)"
        )
        for index, note in enumerate(_NOTES):
            insert = (
                "INSERT INTO soak_event (device_id, what, user_id, other_id, since, word, value)"  # noqa: S608
                f" VALUES (NEW.device_id, '{note.what}', {note.columns});"
            )
            when = f"AFTER {note.change} ON {note.table} FOR EACH ROW WHEN ({note.condition})"
            if is_sqlite:
                self._database.execute_sql(f"CREATE TRIGGER soak_event_{index} {when} BEGIN {insert} END")
                continue
            self._database.execute_sql(
                f"CREATE FUNCTION soak_event_{index}() RETURNS trigger LANGUAGE plpgsql"
                f" AS $$ BEGIN {insert} RETURN NULL; END $$"
            )
            self._database.execute_sql(
                f"CREATE TRIGGER soak_event_{index} {when} EXECUTE FUNCTION soak_event_{index}()"
            )

    def take(self) -> list[Event]:
        """Return the notes since the last call, oldest first.

        They are deleted by a commit that waits for the disk. So whatever was noted is durable then, also the commits
        that did not wait themselves, and no later crash can give its number to another note.
        """
        rows = self._database.execute_sql(
            "SELECT number, device_id, what, user_id, other_id, since, word, value FROM soak_event ORDER BY number"
        ).fetchall()
        if rows:
            self._database.execute_sql(f"DELETE FROM soak_event WHERE number <= {int(rows[-1][0])}")  # noqa: S608
        return [Event(number, device_id, What(what), *rest) for number, device_id, what, *rest in rows]
