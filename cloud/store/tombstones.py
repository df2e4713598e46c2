"""Tombstones of deleted lamps; they withdraw the retained messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from peewee import BigIntegerField, CharField, fn

from cloud.db import bulk
from cloud.db.database import Table, run_sql
from cloud.db.timestamps import TimestampField
from cloud.store import outbox
from cloud.store.outbox import Pending
from shared.protocol import topics
from shared.protocol.payloads import WITHDRAWN


class Tombstone(Table):
    """Tombstone of a deleted lamp, to withdraw its message again if the broker restores it from an older save."""

    device_id = CharField(max_length=12, primary_key=True)
    message_version = BigIntegerField(index=True)
    forgotten_at: datetime = TimestampField(index=True)

    class Meta:
        table_name = "forgotten"

    @classmethod
    def enqueue_withdrawal(cls, device_ids: Sequence[str], now: datetime) -> None:
        """Enqueue the withdrawal of these lamps' retained messages; call it inside a write transaction."""
        if not device_ids:
            return
        numbered = list(enumerate(device_ids, outbox.reserve(len(device_ids))))
        bulk.insert(
            cls,
            ("device_id", "message_version"),
            [(device_id, version) for version, device_id in numbered],
            alike={"forgotten_at": now},
            conflict="ON CONFLICT (device_id) DO UPDATE"
            " SET message_version = excluded.message_version, forgotten_at = excluded.forgotten_at",
        )
        outbox.put([Pending(version, associated_topic(device_id), WITHDRAWN) for version, device_id in numbered])

    @classmethod
    def after(cls, version: int, most: int) -> list[tuple[str, int]]:
        """Return up to ``most`` device ids with their versions above this one, in order."""
        rows = cls.select(cls.device_id, cls.message_version).where(cls.message_version > version)
        return list(rows.order_by(cls.message_version).limit(most).tuples())

    @classmethod
    def newest_before(cls, moment: datetime) -> int:
        """Return the newest version of the lamps that were deleted before a moment, or 0."""
        newest: int | None = cls.select(fn.MAX(cls.message_version)).where(cls.forgotten_at < moment).scalar()
        return newest or 0

    @classmethod
    def among(cls, device_ids: Iterable[str]) -> list[str]:
        """Return those of these device ids that have a tombstone."""
        rows = bulk.rows_among("SELECT device_id FROM forgotten WHERE device_id {}", device_ids)
        return [device_id for (device_id,) in rows]

    @classmethod
    def remove(cls, device_ids: Iterable[str]) -> list[str]:
        """Remove the tombstones of lamps that are registered again; return the device ids of those that had one.

        Call it inside a write transaction.
        """
        ((oldest,),) = run_sql("SELECT MIN(message_version) FROM forgotten")
        if oldest is None:  # usually there is none, and a burst needs no query for each of its lamps
            return []
        removed = bulk.rows_among("DELETE FROM forgotten WHERE device_id {} RETURNING device_id", device_ids)
        return [device_id for (device_id,) in removed]


def associated_topic(device_id: str) -> str:
    """Return the topic of a lamp's retained association state."""
    return topics.associated(topics.lamp_prefix(device_id))
