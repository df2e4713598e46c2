"""Orphans: retained messages of lamps that are not in the database, for example after a restore from a backup."""

import logging
import threading
from array import array
from datetime import datetime

from peewee import chunked

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import write_transaction
from cloud.errors import BrokerAway
from cloud.reconciliation.retained import retained_associations
from cloud.store import outbox
from cloud.store.lamps import Lampi
from cloud.store.tombstones import Tombstone
from shared.mqtt.broker_url import BrokerUrl

log = logging.getLogger(__name__)

MOST_AT_ONCE = 10 * ROWS_A_STATEMENT
"""Withdrawing this many takes a tenth of a second; the lease lasts six."""


def withdraw_orphans(device_ids: list[str], now: datetime) -> int:
    """Withdraw the retained messages of those lamps that are not in the database; return how many."""
    withdrawn = 0
    for chunk in chunked(device_ids, ROWS_A_STATEMENT):
        with write_transaction():
            known = {found for (found,) in Lampi.select(Lampi.device_id).where(Lampi.device_id.in_(chunk)).tuples()}
            orphans = [device_id for device_id in chunk if device_id not in known]
            Tombstone.enqueue_withdrawal(orphans, now)
        withdrawn += len(orphans)
    return withdrawn


class OrphanSweep:
    """Orphan sweep: reads all retained messages in the background, then withdraws the orphans in portions.

    It keeps eight bytes a lamp.
    """

    def __init__(self, broker: BrokerUrl) -> None:
        self._broker = broker
        self._reader: threading.Thread | None = None
        self._found = array("Q")
        self._read_to_its_end = False
        self._withdrawn = 0

    def step(self, now: datetime) -> bool:
        """Start reading, or withdraw the orphans once everything is read; return True when done.

        The broker's retained messages are then trusted again.
        """
        if self._reader is not None and self._reader.is_alive():
            return False
        if not self._read_to_its_end:
            # A daemon thread: an interrupted sweep starts again at the next start, so shutdown need not wait for it.
            self._found = array("Q")
            self._reader = threading.Thread(target=self._read, name="orphan sweep", daemon=True)
            self._reader.start()
            return False
        portion, self._found = self._found[:MOST_AT_ONCE], self._found[MOST_AT_ONCE:]
        self._withdrawn += withdraw_orphans([f"{found:012x}" for found in portion], now)
        if self._found:
            return False
        with write_transaction():
            outbox.suspect_broker(False)
        log.warning("Withdrew %d retained messages of lamps that are not in the database", self._withdrawn)
        return True

    def _read(self) -> None:
        try:
            for batch in retained_associations(self._broker, "orphans"):
                self._found.extend(int(device_id, 16) for device_id in batch)
            self._read_to_its_end = True
        except BrokerAway as away:
            log.info("%s Retrying the orphan sweep soon", away)
