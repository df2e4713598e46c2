"""Watched lamps: the daemon subscribes to the state of a lamp only while its row here is alive, and stores it there."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from peewee import BooleanField, CharField, DoubleField

from cloud.db import bulk
from cloud.db.database import Table, run_sql
from cloud.db.timestamps import TimestampField, latest, stored
from shared.protocol.payloads import Color, LampConfig

WATCH_FOR = timedelta(seconds=30)
"""Life of a watch that is not renewed."""

MOST_WATCHED = 5000
"""Maximum number of lamps that the daemon subscribes to at a time."""


class LampState(Table):
    """Columns with a lamp's state; None for a value that is not known."""

    hue = DoubleField(null=True)
    saturation = DoubleField(null=True)
    brightness = DoubleField(null=True)
    is_on = BooleanField(null=True)

    @property
    def config(self) -> LampConfig:
        """The state in these columns."""
        color = None if self.hue is None or self.saturation is None else Color(self.hue, self.saturation)
        return LampConfig(color, self.brightness, self.is_on)


def columns_of(config: LampConfig) -> dict[str, Any]:
    """Return the columns with this state."""
    color = config.color
    return {
        "hue": None if color is None else color.h,
        "saturation": None if color is None else color.s,
        "brightness": config.brightness,
        "is_on": config.on,
    }


class StateWatch(LampState):
    """A watched lamp, since and until when, and its state as last reported; without ``reported_at``, none is known."""

    device_id = CharField(max_length=12, primary_key=True)
    began_at: datetime = TimestampField()
    until: datetime = TimestampField()
    reported_at: datetime | None = TimestampField(null=True)

    class Meta:
        table_name = "state_watch"


def watch(device_ids: Collection[str], now: datetime) -> None:
    """Watch lamps for `WATCH_FOR` from now; call it inside a write transaction."""
    remove_ended(now)  # what they reported is no longer true
    bulk.insert(
        StateWatch,
        ("device_id",),
        [(device_id,) for device_id in device_ids],
        alike={"began_at": now, "until": now + WATCH_FOR},
        conflict="ON CONFLICT (device_id) DO UPDATE SET until = excluded.until",
    )


def watches_of(device_ids: Iterable[str], now: datetime) -> dict[str, StateWatch]:
    """Return the watches of these lamps that have not ended."""
    alive = (StateWatch.until >= now) & (StateWatch.until <= latest(now + WATCH_FOR))
    found = StateWatch.select().where(StateWatch.device_id.in_(list(device_ids)) & alive)
    return {each.device_id: each for each in found}


def watched(now: datetime) -> dict[str, str]:
    """Return the lamps to subscribe to, at most `MOST_WATCHED`, each with a mark of when its watch began."""
    rows = run_sql(
        "SELECT device_id, began_at FROM state_watch WHERE until BETWEEN ? AND ? ORDER BY until DESC LIMIT ?",
        *_alive(now),
        MOST_WATCHED,
    )
    return {device_id: str(began_at) for device_id, began_at in rows}


def record(device_id: str, reported: LampConfig, now: datetime) -> None:
    """Store a watched lamp's report; a member that is None stays as it is. Call it inside a write transaction."""
    run_sql(
        "UPDATE state_watch SET hue = COALESCE(?, hue), saturation = COALESCE(?, saturation),"
        " brightness = COALESCE(?, brightness), is_on = COALESCE(?, is_on), reported_at = ? WHERE device_id = ?",
        *columns_of(reported).values(),
        stored(now),
        device_id,
    )


def forget_reports() -> None:
    """Forget what lamps have reported, since later reports may be missing; call it inside a write transaction."""
    run_sql("UPDATE state_watch SET hue = NULL, saturation = NULL, brightness = NULL, is_on = NULL, reported_at = NULL")


def have_ended(now: datetime) -> bool:
    """Return whether there are watches that have ended."""
    return bool(run_sql("SELECT 1 FROM state_watch WHERE until NOT BETWEEN ? AND ? LIMIT 1", *_alive(now)))


def remove_ended(now: datetime) -> None:
    """Remove the watches that have ended; call it inside a write transaction."""
    run_sql("DELETE FROM state_watch WHERE until NOT BETWEEN ? AND ?", *_alive(now))


def _alive(now: datetime) -> tuple[object, object]:
    """Return the earliest and latest ends of living watches: a later one was written by a wrong clock."""
    return stored(now), stored(latest(now + WATCH_FOR))
