"""Requests of owners to change what their lamps show: one row for each lamp, with a short life."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from peewee import BooleanField, CharField, ForeignKeyField

from cloud.db import bulk
from cloud.db.database import run_sql
from cloud.db.timestamps import TimestampField, latest, stored
from cloud.store.lamps import Lampi
from cloud.store.state_watches import WATCH_FOR, LampState, columns_of
from cloud.store.users import User
from shared.protocol.payloads import LampConfig

REQUEST_FOR = timedelta(seconds=10)
"""Life of a request: how long the lamp may take to answer. Nothing is published later."""

KEPT_FOR = WATCH_FOR
"""How long a row is kept, so that the owner sees how the request ended."""

SAME_VALUE = 0.01
"""Values that differ by at most this are equal: lamps round the values that they are set to."""


class StateRequest(LampState):
    """A request of the lamp's owner. A value that is None stays as it is.

    It ``is_published`` once it was handed to the broker, and ``is_answered`` once the lamp has reported its values.
    """

    device_id = CharField(max_length=12, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")
    requested_at: datetime = TimestampField()
    is_published = BooleanField()
    is_answered = BooleanField()

    class Meta:
        table_name = "state_request"

    def is_alive(self, now: datetime) -> bool:
        """Return whether the lamp may still answer. A request from the future was written by a wrong clock."""
        return now - REQUEST_FOR < self.requested_at <= latest(now)

    def is_fulfilled_by(self, reported: LampConfig) -> bool:
        """Return whether a report has every value that was requested."""
        found = columns_of(reported)
        wanted = {name: value for name, value in columns_of(self.config).items() if value is not None}
        return all(found[name] is not None and abs(found[name] - value) <= SAME_VALUE for name, value in wanted.items())


def put(device_id: str, user: User, wanted: LampConfig, now: datetime) -> None:
    """Store a request, together with what the user requested before and was not published yet.

    Call it inside a write transaction that has checked that the lamp is the user's.
    """
    columns = columns_of(wanted)
    before = requests_of([device_id]).get(device_id)
    if before is not None and before.user_id == user.id and not before.is_published and before.is_alive(now):
        columns = {name: before.__data__[name] if value is None else value for name, value in columns.items()}
    row = {"user": user, "requested_at": now, "is_published": False, "is_answered": False, **columns}
    replaced = [StateRequest._meta.fields[name] for name in row]
    insertion = StateRequest.insert(device_id=device_id, **row)
    insertion.on_conflict(conflict_target=[StateRequest.device_id], preserve=replaced).execute()


def requests_of(device_ids: Iterable[str]) -> dict[str, StateRequest]:
    """Return the requests for these lamps."""
    found = StateRequest.select().where(StateRequest.device_id.in_(list(device_ids)))
    return {each.device_id: each for each in found}


def newest_unpublished(now: datetime) -> str | None:
    """Return a mark of the newest request that is to be published, None without one. The daemon polls it often."""
    query = "SELECT MAX(requested_at) FROM state_request WHERE NOT is_published AND requested_at > ?"
    ((newest,),) = run_sql(query, stored(now - REQUEST_FOR))
    return None if newest is None else str(newest)


def due(now: datetime) -> list[StateRequest]:
    """Return the requests to publish: only those of the lamps' owners. Call it inside a write transaction."""
    of_owner = (Lampi.device_id == StateRequest.device_id) & (Lampi.user == StateRequest.user)
    unpublished = StateRequest.select().join(Lampi, on=of_owner).where(~StateRequest.is_published)
    return [each for each in unpublished if each.is_alive(now)]


def note_published(device_ids: Collection[str]) -> None:
    """Record that these lamps' requests were published; call it in the transaction that has read them."""
    bulk.change_among("UPDATE state_request SET is_published = ? WHERE device_id {}", device_ids, True)


def note_answered(device_ids: Collection[str]) -> None:
    """Record that these lamps have answered; call it in the transaction that has read their requests."""
    bulk.change_among("UPDATE state_request SET is_answered = ? WHERE device_id {}", device_ids, True)


def remove(device_ids: Collection[str]) -> None:
    """Remove the requests for these lamps, whose owners change; call it in the transaction of that change."""
    bulk.change_among("DELETE FROM state_request WHERE device_id {}", device_ids)


def have_ended(now: datetime) -> bool:
    """Return whether there are rows that need not be kept."""
    return bool(run_sql("SELECT 1 FROM state_request WHERE requested_at NOT BETWEEN ? AND ? LIMIT 1", *_kept(now)))


def remove_ended(now: datetime) -> None:
    """Remove the rows that need not be kept; call it inside a write transaction."""
    run_sql("DELETE FROM state_request WHERE requested_at NOT BETWEEN ? AND ?", *_kept(now))


def _kept(now: datetime) -> tuple[object, object]:
    return stored(now - KEPT_FOR), stored(latest(now))
