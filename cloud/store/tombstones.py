"""Tombstones of deleted lamps; they clear the retained messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from peewee import BigIntegerField, CharField, chunked

from cloud.db import bulk
from cloud.db.database import Table, run_sql
from cloud.db.timestamps import TimestampField
from cloud.store import outbox
from cloud.store.outbox import Pending
from shared.protocol import topics
from shared.protocol.payloads import CLEARED


class Tombstone(Table):
    """Tombstone of a deleted lamp, to clear its retained message again if the broker restores it from an older save."""

    device_id = CharField(max_length=12, primary_key=True)
    message_version = BigIntegerField(index=True)
    forgotten_at: datetime = TimestampField(index=True)

    class Meta:
        table_name = "forgotten"

    @classmethod
    def enqueue_clearing(cls, device_ids: Sequence[str], now: datetime) -> None:
        """Enqueue the clearing of these lamps' retained messages; call it inside a write transaction."""
        if not device_ids:
            return
        numbered = list(enumerate(device_ids, outbox.reserve(len(device_ids))))
        rows = [
            {"device_id": device_id, "message_version": version, "forgotten_at": now} for version, device_id in numbered
        ]
        for chunk in chunked(rows, bulk.ROWS_A_STATEMENT):
            cls.insert_many(chunk).on_conflict(
                conflict_target=[cls.device_id], preserve=[cls.message_version, cls.forgotten_at]
            ).execute()
        outbox.put([Pending(version, associated_topic(device_id), CLEARED) for version, device_id in numbered])

    @classmethod
    def remove(cls, device_ids: Iterable[str]) -> None:
        """Remove tombstones of lamps that were registered again; call it inside a write transaction."""
        ((oldest,),) = run_sql("SELECT MIN(message_version) FROM forgotten")
        if oldest is not None:  # usually there is none, and a burst needs no query for each of its lamps
            bulk.change_among("DELETE FROM forgotten WHERE device_id {}", device_ids)


def associated_topic(device_id: str) -> str:
    """Return the topic of a lamp's retained association state."""
    return topics.associated(topics.lamp_prefix(device_id))
