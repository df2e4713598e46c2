"""Lamps that were deleted, and the clearing of their retained messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from peewee import BigIntegerField, CharField, chunked

from cloud import bulk, outbox
from cloud.database import Table
from cloud.instants import InstantField
from cloud.outbox import Pending
from shared import topics
from shared.payloads import CLEARED


class Forgotten(Table):
    """A lamp that was deleted: should the broker lose that, its ghost is cleared again."""

    device_id = CharField(max_length=12, primary_key=True)
    message_version = BigIntegerField(index=True)
    forgotten_at: datetime = InstantField(index=True)

    @classmethod
    def tell(cls, device_ids: Sequence[str], now: datetime) -> None:
        """Have the broker forget what it retains for these lamps; inside a write transaction."""
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
    def strike_off(cls, device_ids: Iterable[str]) -> None:
        """Take lamps off the list: they are back; inside a write transaction."""
        bulk.change_among("DELETE FROM forgotten WHERE device_id {}", device_ids)


def associated_topic(device_id: str) -> str:
    """Return the topic on which the cloud tells a lamp where it stands."""
    return topics.associated(topics.lamp_prefix(device_id))
