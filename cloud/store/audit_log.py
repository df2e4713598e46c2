"""Audit log: who did what to which lamp, when and from where, and which requests were refused. It never holds codes.

A row is written in the transaction of the change. The database rejects updates and deletions (triggers of migration
0004). Rows are not pruned: each has about 100 bytes, changes of a user are limited (`cloud.rate_limit.changes`), and
refused codes to `CodePolicy.guesses_per_user` of each kind per user and window.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from peewee import BigAutoField, CharField, ModelSelect, TextField

from cloud.db import bulk
from cloud.db.database import Table, run_sql
from cloud.db.timestamps import TimestampField, stored

ROWS_A_PAGE = 1000


class AuditEvent(StrEnum):
    """Events in the audit log."""

    ASSOCIATED = "associated"
    RELEASED = "released"
    ROTATED = "rotated"
    FORGOTTEN = "forgotten"
    OFFERED = "offered"
    OFFER_WITHDRAWN = "offer withdrawn"
    HANDED_OVER = "handed over"
    USER_ADDED = "user added"
    RECOVERY_CODES_MADE = "recovery codes made"
    ACCOUNT_RECOVERED = "account recovered"
    PASSKEY_ADDED = "passkey added"
    PASSKEY_REMOVED = "passkey removed"
    REFUSED = "refused"
    RESET_REQUESTED = "reset requested"
    """At the lamp; ``user_name`` is its owner, as for `RESET`."""
    RESET_REFUSED = "reset refused"
    RESET = "reset"
    """Released as requested at the lamp."""


class Reason(StrEnum):
    """Why an association was refused."""

    UNKNOWN_CODE = "unknown code"
    TOO_MANY_GUESSES = "too many wrong codes"
    ALREADY_ASSOCIATED = "already has an owner"


class History(Table):
    """An audit log entry; users are stored by name, since entries outlive users.

    Of a hand-over, ``user_name`` is the former owner and ``new_owner`` the new one.
    """

    id = BigAutoField()
    at: datetime = TimestampField(index=True)
    event = TextField()
    device_id = CharField(max_length=12, null=True)
    user_name = TextField(null=True)
    reason = TextField(null=True)
    source = TextField()
    new_owner = TextField(null=True)

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
    new_owner: str | None = None,
) -> None:
    """Add an entry; call it inside the write transaction of the change."""
    run_sql(
        "INSERT INTO history (at, event, device_id, user_name, reason, source, new_owner) VALUES (?, ?, ?, ?, ?, ?, ?)",
        stored(now),
        event.value,
        device_id,
        user_name,
        reason.value if reason else None,
        source,
        new_owner,
    )


def write_each(event: AuditEvent, now: datetime, source: str, device_ids: Iterable[str]) -> None:
    """Add an entry for each lamp; call it inside the write transaction of the change."""
    rows = ((device_id,) for device_id in device_ids)
    bulk.insert(History, ["device_id"], rows, alike={"at": now, "event": event.value, "source": source})


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


def has(event: AuditEvent, device_id: str, user_name: str, *, since: datetime) -> bool:
    """Return whether a lamp has had this event with this user. Other entries are not loaded."""
    found = _selected(Selection(device_id, since)).where((History.event == event) & (History.user_name == user_name))
    return bool(found.exists())


def _selected(selection: Selection) -> ModelSelect:
    rows = History.select()
    if selection.device_id is not None:
        rows = rows.where(History.device_id == selection.device_id)
    if selection.since is not None:
        rows = rows.where(History.at >= selection.since)
    return rows
