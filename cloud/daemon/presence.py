"""The edge detector: which lamps are new, and whose bridge came up or went down."""

import logging
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from datetime import datetime

from cloud import bulk
from cloud.database import write_transaction
from cloud.models import Lampi
from shared.errors import quoted
from shared.logs import about

log = logging.getLogger(__name__)

MOST_NAMED = 100
"""New lamps of one batch that the log names one by one."""


class PresenceBatch:
    """What the bridges said since the last registration; the latest of each lamp counts.

    A lamp that came up and went down again within one batch is remembered as seen: it is still a new lamp.
    """

    MOST_LAMPS = 10_000
    """As many as are registered at once in less time than a lease lasts: what collects while the database is away."""

    def __init__(self) -> None:
        self._up: dict[str, bool] = {}
        self._seen_up: set[str] = set()

    def __len__(self) -> int:
        return len(self._up)

    @property
    def is_full(self) -> bool:
        """True where no more should be added before it is registered."""
        return len(self._up) >= self.MOST_LAMPS

    def add(self, device_id: str, up: bool) -> None:
        """Take in one message."""
        self._up[device_id] = up
        if up:
            self._seen_up.add(device_id)

    def clear(self) -> None:
        """Forget it all: it is registered."""
        self._up.clear()
        self._seen_up.clear()

    def register(self, now: datetime) -> list[str]:
        """Write what the batch changes, as one transaction; return the device ids of new lamps.

        A known lamp whose presence is as it was causes no write and gets no message. `rotation` looks after one
        that comes back with a code that lapsed.
        """
        known = _presence_of(self._up)
        new = [device_id for device_id in self._seen_up if device_id not in known]
        went_up = [device_id for device_id, was_up in known.items() if self._up[device_id] and not was_up]
        went_down = [device_id for device_id, was_up in known.items() if was_up and not self._up[device_id]]
        went_down += [device_id for device_id in new if not self._up[device_id]]
        if not (new or went_up or went_down):
            return []
        with write_transaction():
            created = Lampi.create_unassociated(new, now) if new else []
            _set_presence(went_up, True, now)
            _set_presence(went_down, False, now)
        return created


def say_new(device_ids: Sequence[str]) -> None:
    """Log the lamps that are new: each one, or of a crowd the number, and then each one only for DEBUG."""
    crowd = len(device_ids) > MOST_NAMED
    if crowd:
        log.info("%d new lamps", len(device_ids))
    level = logging.DEBUG if crowd else logging.INFO
    if log.isEnabledFor(level):
        for device_id in device_ids:
            log.log(level, "New lamp %s", device_id, extra=about(device_id))


class RollCall:
    """Which lamps the broker says are up, while it tells all that it retains; eight bytes a lamp.

    A broker that restarted has forgotten who was up, and nobody says `0` for a lamp that went meanwhile: who is not
    on the roll when all has been told is not there.
    """

    _PARTS = 256
    """Sorting takes some forty bytes a lamp; part by part, that is little."""

    def __init__(self) -> None:
        self._up = [array("Q") for _ in range(self._PARTS)]
        self._settled_up_to: str | None = None
        self.went_down = 0

    def add(self, device_id: str) -> None:
        """Note a lamp that is up."""
        number = int(device_id, 16)
        part = self._up[number % self._PARTS]
        if self._settled_up_to is None:
            part.append(number)
        else:
            insort(part, number)

    def settle(self, now: datetime) -> bool:
        """Write, for a page of lamps, that those which were not called are down; return whether that was the last.

        A million lamps take many seconds, and new ones should not have to wait for that.
        """
        if self._settled_up_to is None:
            self._up = [array("Q", sorted(part)) for part in self._up]
            self._settled_up_to = ""
        page = _connected_after(self._settled_up_to)
        if not page:
            return True
        absent = [device_id for device_id in page if not self._was_called(int(device_id, 16))]
        if absent:
            with write_transaction():
                _set_presence(absent, False, now)
        self.went_down += len(absent)
        self._settled_up_to = page[-1]  # only now: a database that fails above is asked for this page again
        return False

    def _was_called(self, number: int) -> bool:
        part = self._up[number % self._PARTS]
        place = bisect_left(part, number)
        return place < len(part) and part[place] == number


def _connected_after(device_id: str) -> list[str]:
    page = Lampi.select(Lampi.device_id).where((Lampi.device_id > device_id) & Lampi.connected)
    return [found for (found,) in page.order_by(Lampi.device_id).limit(bulk.ROWS_A_STATEMENT * 10).tuples()]


class OtherBridges:
    """The bridges that are not lamps': each is said once, all their messages are counted."""

    _MOST_NAMES = 1000  # a stranger can invent names without end; memory and log have one

    def __init__(self) -> None:
        self.messages = 0
        self._names: set[str] = set()

    def add(self, topic: str) -> None:
        """Take in one message of such a bridge."""
        self.messages += 1
        if topic not in self._names and len(self._names) < self._MOST_NAMES:
            self._names.add(topic)
            log.info("Ignoring the bridge on %s: not named <device id> or <device id>_broker", quoted(topic))

    def say_how_many(self) -> None:
        """Log how many messages were ignored, where there were any."""
        if self.messages:
            log.info("Ignored %d messages of bridges that are not lamps'", self.messages)


def _presence_of(device_ids: Iterable[str]) -> dict[str, bool]:
    rows = bulk.rows_among("SELECT device_id, connected FROM lampi WHERE device_id {}", device_ids)
    return {device_id: bool(connected) for device_id, connected in rows}


def _set_presence(device_ids: Iterable[str], up: bool, now: datetime) -> None:
    since = Lampi._meta.fields["presence_since"].db_value(now)
    bulk.change_among("UPDATE lampi SET connected = ?, presence_since = ? WHERE device_id {}", device_ids, up, since)
