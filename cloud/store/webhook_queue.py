"""The webhook's outbox: events that the receiver has not accepted yet.

An event is written in the transaction of the change it reports, and only if a daemon has announced a receiver:
otherwise events would accumulate. It is deleted once the receiver has accepted it, or when it is too old.

Users take turns, so that no user's backlog delays another's events, while each lamp's events keep their order. An event
that is due and the first of its lamp gets a turn: one more than its user's last turn, or than the lowest one if that is
higher. The event with the lowest turn is sent next. Each step reads a few rows by an index, however many are pending.
"""

import json
import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from peewee import AutoField, BigIntegerField, BooleanField, CharField, Expression, IntegerField, TextField

from cloud.db.database import Table, run_sql, write_transaction
from cloud.db.timestamps import TimestampField, credible, shown_instant, stored

GIVEN_UP_AFTER = timedelta(days=3)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)

ROWS_A_STEP = 100
"""Events that get a turn, or are given up, in one transaction: other writers wait for it."""

BEHIND = 0
"""The turn of an event that waits for an earlier one of its lamp."""


class WebhookEvent(Table):
    """A pending event. ``body`` is the JSON to send; it never contains a code.

    ``turn`` is None until the event is due, `BEHIND`, or a positive number.
    """

    id = AutoField()
    message_id = CharField(max_length=40, unique=True)
    device_id = CharField(max_length=12)
    body = TextField()
    happened_at: datetime = TimestampField(index=True)
    due_at: datetime = TimestampField()
    attempts = IntegerField(default=0)
    user_name = TextField(default="")
    turn = BigIntegerField(null=True)


class WebhookReceiver(Table):
    """The single row that tells all processes whether the daemon has a receiver configured."""

    id = AutoField()
    exists = BooleanField()


class Kind(StrEnum):
    """The event types."""

    ASSOCIATED = "lamp.associated"
    RELEASED = "lamp.released"
    HANDED_OVER = "lamp.handed_over"
    RESET_REQUESTED = "lamp.reset_requested"
    RESET_REFUSED = "lamp.reset_refused"


def announce_receiver(exists: bool) -> None:
    """Make all processes start or stop writing events."""
    with write_transaction():
        row: WebhookReceiver | None = WebhookReceiver.get_or_none()
        if row is None:
            WebhookReceiver.create(exists=exists)
        elif row.exists != exists:
            WebhookReceiver.update(exists=exists).execute()


def write(kind: Kind, device_id: str, lamp_name: str, user_name: str, now: datetime, **more: str | None) -> None:
    """Add an event if there is a receiver, with ``more`` members. Call it in the write transaction of the change."""
    if not any(exists for (exists,) in run_sql('SELECT "exists" FROM webhook_receiver')):
        return
    data = {"device_id": device_id, "name": lamp_name, "user": user_name, **more}
    body = json.dumps({"type": kind.value, "timestamp": shown_instant(now), "data": data})
    event = WebhookEvent.create(
        message_id=f"msg_{uuid.uuid4()}",
        device_id=device_id,
        body=body,
        happened_at=now,
        due_at=now,
        user_name=user_name,
    )
    _give_turn(event)


def next_due(now: datetime) -> WebhookEvent | None:
    """Return the event to send now: of those that are due and the first of their lamps, the one whose turn it is."""
    for is_due in (WebhookEvent.due_at <= now, WebhookEvent.due_at > credible(now + LONGEST_PAUSE)):
        _give_turns(WebhookEvent.turn.is_null() & is_due)
    in_line = WebhookEvent.select().where(WebhookEvent.turn > BEHIND)
    event: WebhookEvent | None = in_line.order_by(WebhookEvent.turn, WebhookEvent.due_at, WebhookEvent.id).first()
    return event


def remove(event: WebhookEvent) -> None:
    """Delete a delivered event."""
    # Not by id: SQLite reuses ids, so a sender that was paused could delete a later event that was never sent.
    with write_transaction():
        if WebhookEvent.delete().where(WebhookEvent.message_id == event.message_id).execute():
            _advance(event.device_id)


def put_off(event: WebhookEvent, now: datetime) -> None:
    """Schedule another attempt with exponential backoff. The event gets a new turn then."""
    pause = min(FIRST_PAUSE * 2 ** min(event.attempts, 20), LONGEST_PAUSE)
    later = WebhookEvent.update(attempts=WebhookEvent.attempts + 1, due_at=now + pause, turn=None)
    with write_transaction():
        later.where(WebhookEvent.message_id == event.message_id).execute()


def give_up(now: datetime) -> int:
    """Delete up to `ROWS_A_STEP` events older than `GIVEN_UP_AFTER`, and return how many."""
    oldest = now - GIVEN_UP_AFTER
    if not run_sql("SELECT 1 FROM webhook_event WHERE happened_at < ? LIMIT 1", stored(oldest)):
        return 0
    with write_transaction():
        old = WebhookEvent.select().where(WebhookEvent.happened_at < oldest).order_by(WebhookEvent.happened_at)
        events = list(old.limit(ROWS_A_STEP))
        gone: int = WebhookEvent.delete().where(WebhookEvent.id.in_([event.id for event in events])).execute()
        for device_id in {event.device_id for event in events}:
            _advance(device_id)
    return gone


def _give_turns(which: Expression) -> None:
    """Give turns to events that became due. Without any, return without taking the lock."""
    events = WebhookEvent.select().where(which).order_by(WebhookEvent.due_at).limit(ROWS_A_STEP)
    if not events.clone().limit(1).exists():
        return
    with write_transaction():
        for event in list(events):
            _give_turn(event)


def _advance(device_id: str) -> None:
    """Give a turn to a lamp's first event, if it was behind another."""
    first = _first_of(device_id)
    if first is not None and first.turn == BEHIND:
        _give_turn(first)


def _give_turn(event: WebhookEvent) -> None:
    """Give an event a turn, or put it behind an earlier event of its lamp. Call it in a write transaction."""
    first = _first_of(event.device_id)
    turn = _next_turn(event.user_name) if first == event else BEHIND
    run_sql("UPDATE webhook_event SET turn = ? WHERE id = ?", turn, event.id)


def _first_of(device_id: str) -> WebhookEvent | None:
    events = WebhookEvent.select().where(WebhookEvent.device_id == device_id)
    event: WebhookEvent | None = events.order_by(WebhookEvent.id).first()
    return event


def _next_turn(user_name: str) -> int:
    lowest = run_sql("SELECT turn FROM webhook_event WHERE turn > 0 ORDER BY turn LIMIT 1")
    last = run_sql(
        "SELECT turn FROM webhook_event WHERE user_name = ? AND turn > 0 ORDER BY turn DESC LIMIT 1", user_name
    )
    return 1 + max((turn for (turn,) in [*lowest, *last]), default=0)
