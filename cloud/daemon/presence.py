"""Presence: detects new lamps and changes of known ones."""

import logging
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from datetime import datetime

from cloud.daemon.code_rotation import rotate_offline
from cloud.db import bulk
from cloud.db.database import write_transaction
from cloud.services.lamps import register_lamps
from cloud.store.lamps import Lampi
from shared.logs import about
from shared.protocol.errors import quoted

log = logging.getLogger(__name__)

MOST_NAMED = 100
"""Maximum number of new lamps per batch that are logged one by one."""


class PresenceBatch:
    """Presence messages since the last registration; the latest of each lamp counts.

    A lamp that connected and disconnected within one batch is still registered as a new lamp.
    """

    MOST_LAMPS = 10_000
    """Limits what accumulates while the database is unavailable to what can be registered within the duration of a
    lease."""

    def __init__(self) -> None:
        self._up: dict[str, bool] = {}
        self._seen_up: set[str] = set()

    def __len__(self) -> int:
        return len(self._up)

    @property
    def is_full(self) -> bool:
        """True if the batch must be registered before more is added."""
        return len(self._up) >= self.MOST_LAMPS

    def add(self, device_id: str, up: bool) -> None:
        self._up[device_id] = up
        if up:
            self._seen_up.add(device_id)

    def clear(self) -> None:
        self._up.clear()
        self._seen_up.clear()

    def register(self, now: datetime) -> list[str]:
        """Write the batch's changes in one transaction; return the device ids of new lamps.

        A known lamp with unchanged presence causes no write and no message. `code_rotation` replaces its code if that
        has expired, and at once if it was issued while the lamp was offline.
        """
        known = _presence_of(self._up)
        new = [device_id for device_id in self._seen_up if device_id not in known]
        went_up = [device_id for device_id, was_up in known.items() if self._up[device_id] and not was_up]
        gone_offline = [device_id for device_id, was_up in known.items() if was_up and not self._up[device_id]]
        gone_offline += [device_id for device_id in new if not self._up[device_id]]
        if not (new or went_up or gone_offline):
            return []
        with write_transaction():
            created = register_lamps(new, now) if new else []
            _set_presence(went_up, True, now)
            rotate_offline(went_up, now)
            _set_presence(gone_offline, False, now)
        return created


def log_new_lamps(device_ids: Sequence[str]) -> None:
    """Log new lamps: each one, or only their number if there are many, with each one at DEBUG."""
    crowd = len(device_ids) > MOST_NAMED
    if crowd:
        log.info("%d new lamps", len(device_ids))
    level = logging.DEBUG if crowd else logging.INFO
    if log.isEnabledFor(level):
        for device_id in device_ids:
            log.log(level, "New lamp %s", device_id, extra=about(device_id))


class PresenceSnapshot:
    """Presence snapshot: the lamps that the broker retains as connected; eight bytes a lamp.

    A restarted broker has lost its presence, and no `0` arrives for a lamp that disconnected meanwhile. Lamps missing
    from the retained snapshot are therefore offline.
    """

    _PARTS = 256
    """Sorting takes about forty bytes a lamp; sorting one part at a time keeps that small."""

    def __init__(self) -> None:
        self._up = [array("Q") for _ in range(self._PARTS)]
        self._settled_up_to: str | None = None
        self.gone_offline = 0

    def add(self, device_id: str) -> None:
        number = int(device_id, 16)
        part = self._up[number % self._PARTS]
        if self._settled_up_to is None:
            part.append(number)
        else:
            insort(part, number)

    def settle(self, now: datetime) -> bool:
        """Set one page of lamps offline if they are missing from the snapshot; return True after the last page.

        A million lamps take many seconds, and new lamps must not wait for that.
        """
        if self._settled_up_to is None:
            self._up = [array("Q", sorted(part)) for part in self._up]
            self._settled_up_to = ""
        page = _connected_after(self._settled_up_to)
        if not page:
            return True
        missing = [device_id for device_id in page if not self._has(int(device_id, 16))]
        if missing:
            with write_transaction():
                _set_presence(missing, False, now)
        self.gone_offline += len(missing)
        self._settled_up_to = page[-1]  # only after the write: on a database error this page is retried
        return False

    def _has(self, number: int) -> bool:
        part = self._up[number % self._PARTS]
        place = bisect_left(part, number)
        return place < len(part) and part[place] == number


def _connected_after(device_id: str) -> list[str]:
    page = Lampi.select(Lampi.device_id).where((Lampi.device_id > device_id) & Lampi.connected)
    return [found for (found,) in page.order_by(Lampi.device_id).limit(bulk.ROWS_A_STATEMENT * 10).tuples()]


class OtherBridges:
    """Bridges that are not lamps: each is logged once, and their messages are counted."""

    _MOST_NAMES = 1000  # bounds memory and log: a foreign client can invent any number of names

    def __init__(self) -> None:
        self.messages = 0
        self._names: set[str] = set()

    def add(self, topic: str) -> None:
        """Count a message from such a bridge."""
        self.messages += 1
        if topic not in self._names and len(self._names) < self._MOST_NAMES:
            self._names.add(topic)
            log.info("Ignoring bridge %s: its name is not <device id> or <device id>_broker", quoted(topic))

    def log_count(self) -> None:
        """Log the number of ignored messages, if any."""
        if self.messages:
            log.info("Ignored %d messages from bridges that are not lamps", self.messages)


def _presence_of(device_ids: Iterable[str]) -> dict[str, bool]:
    rows = bulk.rows_among("SELECT device_id, connected FROM lampi WHERE device_id {}", device_ids)
    return {device_id: bool(connected) for device_id, connected in rows}


def _set_presence(device_ids: Iterable[str], up: bool, now: datetime) -> None:
    since = Lampi._meta.fields["presence_since"].db_value(now)
    bulk.change_among("UPDATE lampi SET connected = ?, presence_since = ? WHERE device_id {}", device_ids, up, since)
