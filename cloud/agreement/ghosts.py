"""Ghosts: what the broker retains for lamps that the database does not have, as after an older copy was restored."""

import logging
import threading
from array import array
from datetime import datetime

from peewee import chunked

from cloud import outbox
from cloud.agreement.retained import retained_associations
from cloud.bulk import ROWS_A_STATEMENT
from cloud.database import write_transaction
from cloud.errors import BrokerAway
from cloud.forgotten import Forgotten
from cloud.models import Lampi
from shared.broker_url import BrokerUrl

log = logging.getLogger(__name__)


def clear_ghosts(device_ids: list[str], now: datetime) -> int:
    """Have the broker forget what it retains for those of these lamps that the database does not have."""
    cleared = 0
    for chunk in chunked(device_ids, ROWS_A_STATEMENT):
        with write_transaction():
            known = {found for (found,) in Lampi.select(Lampi.device_id).where(Lampi.device_id.in_(chunk)).tuples()}
            ghosts = [device_id for device_id in chunk if device_id not in known]
            Forgotten.tell(ghosts, now)
        cleared += len(ghosts)
    return cleared


class GhostHunt:
    """Reads all that is retained beside the daemon's own work, and clears what is a ghost's; eight bytes a lamp."""

    def __init__(self, broker: BrokerUrl) -> None:
        self._broker = broker
        self._reader: threading.Thread | None = None
        self._found = array("Q")
        self._read_to_its_end = False

    def step(self, now: datetime) -> bool:
        """Begin to read, or see whether all is read; return True once every ghost is cleared.

        The database then trusts the broker again.
        """
        if self._reader is not None and self._reader.is_alive():
            return False
        if not self._read_to_its_end:
            # A daemon thread: what it does is begun again at the next start, so nobody waits for its end.
            self._found = array("Q")
            self._reader = threading.Thread(target=self._read, name="ghost hunt", daemon=True)
            self._reader.start()
            return False
        cleared = clear_ghosts([f"{found:012x}" for found in self._found], now)
        with write_transaction():
            outbox.suspect_broker(False)
        log.warning("Cleared what the broker retained for %d lamps that this database does not know", cleared)
        return True

    def _read(self) -> None:
        try:
            for batch in retained_associations(self._broker, "ghosts"):
                self._found.extend(int(device_id, 16) for device_id in batch)
            self._read_to_its_end = True
        except BrokerAway as away:
            log.info("%s Looking for ghosts again soon", away)
