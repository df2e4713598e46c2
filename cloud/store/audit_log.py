"""Audit log: who did what to which lamp, when and from where, and which requests were refused. It never holds codes.

A row is written in the transaction of the change. The database rejects updates and deletions (triggers of migration
0004). Rows are not pruned: each has about 100 bytes, changes are made by people, and refused codes are limited to
`CodePolicy.guesses_per_user` of each kind per user and window.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from peewee import BigAutoField, CharField, ModelSelect, TextField

from cloud.db.database import Table, run_sql
from cloud.db.timestamps import TimestampField, stored

ROWS_A_PAGE = 1000


class AuditEvent(StrEnum):
    """Events in the audit log."""

    ASSOCIATED = "associated"
    RELEASED = "released"
    ROTATED = "rotated"
    FORGOTTEN = "forgotten"
    USER_ADDED = "user added"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why an association was refused."""

    UNKNOWN_CODE = "unknown code"
    TOO_MANY_GUESSES = "too many wrong codes"
    ALREADY_ASSOCIATED = "already has an owner"


class History(Table):
    """An audit log entry; the user is stored by name, since entries outlive users."""

    id = BigAutoField()
    at: datetime = TimestampField(index=True)
    event = TextField()
    device_id = CharField(max_length=12, null=True)
    user_name = TextField(null=True)
    reason = TextField(null=True)
    source = TextField()

    class Meta:
        indexes = ((("device_id", "id"), False),)


@dataclass(frozen=True)
class Selection:
    """Filter for the audit log; ``newest`` limits the number of rows, counted from the end."""

    device_id: str | None = None
    since: datetime | None = None
    newest: int | None = None


def write(
    event: AuditEvent,
    now: datetime,
    source: str,
    *,
    device_id: str | None = None,
    user_name: str | None = None,
    reason: Reason | None = None,
) -> None:
    """Add an entry; call it inside the write transaction of the change."""
    run_sql(
        "INSERT INTO history (at, event, device_id, user_name, reason, source) VALUES (?, ?, ?, ?, ?, ?)",
        stored(now),
        event.value,
        device_id,
        user_name,
        reason.value if reason else None,
        source,
    )


def read(selection: Selection) -> Iterator[History]:
    """Yield the selected entries, newest last, one page at a time."""
    rows = _selected(selection)
    last = 0
    if selection.newest is not None:
        before = rows.select(History.id).order_by(History.id.desc()).offset(selection.newest).limit(1).scalar()
        last = before or 0
    while page := list(rows.where(History.id > last).order_by(History.id).limit(ROWS_A_PAGE)):
        yield from page
        last = page[-1].id


def _selected(selection: Selection) -> ModelSelect:
    rows = History.select()
    if selection.device_id is not None:
        rows = rows.where(History.device_id == selection.device_id)
    if selection.since is not None:
        rows = rows.where(History.at >= selection.since)
    return rows
