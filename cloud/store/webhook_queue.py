"""The webhook's outbox: events that the receiver has not accepted yet.

An event is written in the transaction of the change it reports, and only if a daemon has announced a receiver:
otherwise events would accumulate. It is deleted once the receiver has accepted it, or when it is too old.
"""

import json
import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from peewee import AutoField, BooleanField, CharField, IntegerField, TextField, fn

from cloud.db.database import Table, run_sql, write_transaction
from cloud.db.timestamps import TimestampField, credible, shown_instant, stored

GIVEN_UP_AFTER = timedelta(days=3)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)


class WebhookEvent(Table):
    """A pending event. ``body`` is the JSON to send; it never contains a code."""

    id = AutoField()
    message_id = CharField(max_length=40, unique=True)
    device_id = CharField(max_length=12)
    body = TextField()
    happened_at: datetime = TimestampField(index=True)
    due_at: datetime = TimestampField()
    attempts = IntegerField(default=0)


class WebhookReceiver(Table):
    """The single row that tells all processes whether the daemon has a receiver configured."""

    id = AutoField()
    exists = BooleanField()


class Kind(StrEnum):
    """The event types."""

    ASSOCIATED = "lamp.associated"
    RELEASED = "lamp.released"


def announce_receiver(exists: bool) -> None:
    """Make all processes start or stop writing events."""
    with write_transaction():
        row: WebhookReceiver | None = WebhookReceiver.get_or_none()
        if row is None:
            WebhookReceiver.create(exists=exists)
        elif row.exists != exists:
            WebhookReceiver.update(exists=exists).execute()


def write(kind: Kind, device_id: str, lamp_name: str, user_name: str, now: datetime) -> None:
    """Add an event if there is a receiver. Call it in the write transaction of the change."""
    if not any(exists for (exists,) in run_sql('SELECT "exists" FROM webhook_receiver')):
        return
    data = {"device_id": device_id, "name": lamp_name, "user": user_name}
    body = json.dumps({"type": kind.value, "timestamp": shown_instant(now), "data": data})
    WebhookEvent.create(message_id=f"msg_{uuid.uuid4()}", device_id=device_id, body=body, happened_at=now, due_at=now)


def next_due(now: datetime) -> WebhookEvent | None:
    """Return the event to send now: among each lamp's oldest event, the one due longest. None if none is due."""
    oldest = WebhookEvent.select(fn.MIN(WebhookEvent.id)).group_by(WebhookEvent.device_id)
    is_due = (WebhookEvent.due_at <= now) | (WebhookEvent.due_at > credible(now + LONGEST_PAUSE))
    due = WebhookEvent.select().where(WebhookEvent.id.in_(oldest) & is_due)
    event: WebhookEvent | None = due.order_by(WebhookEvent.due_at, WebhookEvent.id).first()
    return event


def remove(event: WebhookEvent) -> None:
    """Delete a delivered event."""
    # Not by id: SQLite reuses ids, so a sender that was paused could delete a later event that was never sent.
    with write_transaction():
        WebhookEvent.delete().where(WebhookEvent.message_id == event.message_id).execute()


def put_off(event: WebhookEvent, now: datetime) -> None:
    """Schedule another attempt with exponential backoff."""
    pause = min(FIRST_PAUSE * 2 ** min(event.attempts, 20), LONGEST_PAUSE)
    later = WebhookEvent.update(attempts=WebhookEvent.attempts + 1, due_at=now + pause)
    with write_transaction():
        later.where(WebhookEvent.message_id == event.message_id).execute()


def give_up(now: datetime) -> int:
    """Delete events older than `GIVEN_UP_AFTER`, and return how many."""
    oldest = now - GIVEN_UP_AFTER
    if not run_sql("SELECT 1 FROM webhook_event WHERE happened_at < ? LIMIT 1", stored(oldest)):
        return 0
    with write_transaction():
        gone: int = WebhookEvent.delete().where(WebhookEvent.happened_at < oldest).execute()
    return gone
