"""Protects the broker's lamps from an empty database.

An empty database on a broker with lamps is rarely a new cloud. Usually its URL is mistyped, a disk is not mounted, or
the file was moved away; publishing from it would take every lamp from its owner. So nothing is registered and nothing
is published until an operator adopts the lamps.
"""

import logging
import threading
from collections.abc import Callable

from cloud.errors import BrokerAway
from cloud.reconciliation.retained import retained_batches
from cloud.store import outbox
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol import topics
from shared.protocol.payloads import CLEARED

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class AdoptionGuard:
    """Whether this database may publish to the broker. ``on_read`` is called on another thread after each look."""

    def __init__(self, broker: BrokerUrl, on_read: Callable[[], object]) -> None:
        self._broker = broker
        self._on_read = on_read
        self._is_free = False
        self._reader: threading.Thread | None = None
        self._has_lamps: bool | None = None

    @property
    def is_foreign(self) -> bool:
        """True if the broker has lamps that an empty database must not touch."""
        return bool(self._has_lamps)

    def start_over(self) -> None:
        """Look again: the database is another one."""
        self._is_free = False
        self._has_lamps = None

    def blocks(self) -> bool:
        """Return whether nothing may be registered or published now; the broker is read in the background."""
        if not self._is_free and outbox.last_version() > 0:  # has published, or was adopted
            self._is_free, self._has_lamps = True, None
        if self._is_free or self._has_lamps is False:
            return False
        if self._has_lamps is None and (self._reader is None or not self._reader.is_alive()):
            self._reader = threading.Thread(target=self._read, name="adoption", daemon=True)
            self._reader.start()
        return True

    def _read(self) -> None:
        try:
            self._has_lamps = self._finds_lamps()
        except BrokerAway as away:
            log.info("%s Looking for its lamps again soon", away)
            threading.Event().wait(RETRY_SECONDS)  # on this thread only
        if self._has_lamps:
            log.critical(
                "The broker has lamps of another database, and this one is empty: changing nothing. "
                "Restore the right database, or run 'lampi-cloud adopt' to register the lamps as new"
            )
        self._on_read()

    def _finds_lamps(self) -> bool:
        filters = [topics.HIGH_WATER_MARK, topics.ASSOCIATED_FILTER]
        batches = retained_batches(self._broker, "adoption", filters)
        return any(message.payload != CLEARED for batch in batches for message in batch)
