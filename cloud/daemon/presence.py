"""Presence: detects new lamps and changes of known ones."""

import logging
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from cloud.daemon.code_rotation import replace_unseen
from cloud.db import bulk
from cloud.db.database import run_sql, write_transaction
from cloud.rate_limit.policy import StockScreens, announced
from cloud.services.lamps import register_lamps
from cloud.services.stock_screens import in_doubt, reopen, treat
from cloud.store.lamps import Lampi
from shared.logs import about

log = logging.getLogger(__name__)

MOST_NAMED = 100
"""Maximum number of new lamps per batch that are logged one by one."""


class PresenceBatch:
    """Presence messages since the last registration; the latest of each lamp counts.

    A lamp that connected and disconnected within one batch is still registered as a new lamp. ``screens`` says which
    lamps get stock treatment.
    """

    MOST_LAMPS = 10_000
    """Limits what accumulates while the database is unavailable to what can be registered within the duration of a
    lease."""

    def __init__(self, screens: StockScreens = StockScreens.AUTO) -> None:
        self._screens = screens
        self._up: dict[str, bool] = {}
        self._stock: set[str] = set()
        self._provisioned: set[str] = set()

    def __len__(self) -> int:
        return len(self._up)

    @property
    def is_full(self) -> bool:
        """True if the batch must be registered before more is added."""
        return len(self._up) >= self.MOST_LAMPS

    def add(self, device_id: str, up: bool, stock: bool = False) -> None:
        """Add a message; ``stock`` if its bridge's name is not a provisioned lamp's: it may have a stock screen."""
        self._up[device_id] = up
        if up:
            (self._stock if stock else self._provisioned).add(device_id)

    def clear(self) -> None:
        self._up.clear()
        self._stock.clear()
        self._provisioned.clear()

    def register(
        self,
        now: datetime,
        leads: Callable[[], bool] = lambda: True,
        *,
        is_live: bool = True,
        is_settled: bool = True,
    ) -> list[str]:
        """Write the batch's changes in one transaction, and empty it; return the device ids of new lamps.

        ``leads`` says whether this daemon still leads. It is asked under the write lock: a daemon that was paused would
        overwrite the presence that its successor has recorded. Without the lead, the batch stays as it is.

        ``is_settled``: the snapshot is settled. Until then, a provisioned lamp's name doesn't end stock treatment,
        since the same lamp may also be up under another; the snapshot compares them. ``is_live``: the messages are not
        retained ones, but from bridges that have just connected. The popups of stock lamps whose codes are in doubt
        reopen; the snapshot does that for retained messages.

        A known lamp with unchanged presence causes no write and no message otherwise. `code_rotation` replaces its code
        if that has expired, and at once if it was issued while the lamp was offline.
        """
        known, treated = _known_among(self._up)
        stock, provisioned = self._stock_and_others()
        new = [device_id for device_id in stock | provisioned if device_id not in known]
        begins = (stock - treated) & known.keys()
        ends = (provisioned & treated) - stock if is_settled or self._screens is StockScreens.NO else set()
        went_up = [device_id for device_id, was_up in known.items() if not was_up and self._up[device_id]]
        gone_offline = [device_id for device_id, was_up in known.items() if was_up and not self._up[device_id]]
        gone_offline += [device_id for device_id in new if not self._up[device_id]]
        doubtful = in_doubt(treated & stock) if is_live else []
        if not (new or went_up or gone_offline or begins or ends or doubtful):
            self.clear()
            return []
        with write_transaction():
            if not leads():
                return []
            created = register_lamps(new, now, stock) if new else []
            _set_presence(went_up, True, now)
            _set_presence(gone_offline, False, now)
            treat(begins, True, now)
            treat(ends, False, now)
            replace_unseen(went_up, now)
            reopen(doubtful)
        self.clear()
        return created

    def _stock_and_others(self) -> tuple[set[str], set[str]]:
        """Return which lamps that were seen connected get stock treatment, and the others."""
        if self._screens is StockScreens.AUTO:
            return self._stock, self._provisioned
        every = self._stock | self._provisioned
        return (every, set()) if self._screens is StockScreens.YES else (set(), every)


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
    """Presence snapshot: the lamps that the broker retains as connected; eight bytes a bridge.

    A restarted broker has lost its presence, and no `0` arrives for a lamp that disconnected meanwhile. Lamps missing
    from the retained snapshot are therefore offline.
    """

    _PARTS = 256
    """Sorting takes about forty bytes a lamp; sorting one part at a time keeps that small."""

    def __init__(self) -> None:
        self._provisioned = [array("Q") for _ in range(self._PARTS)]
        self._stock = [array("Q") for _ in range(self._PARTS)]
        self._settled_up_to: str | None = None
        self.gone_offline = 0

    def add(self, device_id: str, stock: bool = False) -> None:
        """Add a connected lamp; ``stock`` as in `PresenceBatch.add`."""
        number = int(device_id, 16)
        part = (self._stock if stock else self._provisioned)[number % self._PARTS]
        if self._settled_up_to is None:
            part.append(number)
        else:
            insort(part, number)

    def settle(self, now: datetime, leads: Callable[[], bool] = lambda: True) -> bool:
        """Set one page of lamps offline if they are missing from the snapshot; return True after the last page.

        Stock treatment ends for those that are up only under a provisioned lamp's name. The popups of stock lamps whose
        codes are in doubt reopen: while the connection was lost, their bridges may have lost theirs, too.

        ``leads`` as in `PresenceBatch.register`; without the lead, nothing is written.

        A million lamps take many seconds, and new lamps must not wait for that.
        """
        if self._settled_up_to is None:
            for parts in (self._provisioned, self._stock):
                parts[:] = [array("Q", sorted(part)) for part in parts]
            self._settled_up_to = ""
        page = _connected_after(self._settled_up_to)
        if not page:
            return True
        missing: list[str] = []
        ends: list[str] = []
        stay: list[str] = []
        by_name = announced().stock_screens is StockScreens.AUTO
        for device_id, has_stock_treatment in page:
            number = int(device_id, 16)
            is_provisioned = self._has(self._provisioned, number)
            if not is_provisioned and not self._has(self._stock, number):
                missing.append(device_id)
            elif has_stock_treatment:
                ends_treatment = by_name and is_provisioned and not self._has(self._stock, number)
                (ends if ends_treatment else stay).append(device_id)
        doubtful = in_doubt(stay)
        if missing or ends or doubtful:
            with write_transaction():
                if not leads():
                    return False
                _set_presence(missing, False, now)
                treat(ends, False, now)
                reopen(doubtful)
        self.gone_offline += len(missing)
        self._settled_up_to = page[-1][0]  # only after the write: on a database error this page is retried
        return False

    def _has(self, parts: Sequence["array[int]"], number: int) -> bool:
        part = parts[number % self._PARTS]
        place = bisect_left(part, number)
        return place < len(part) and part[place] == number


def _connected_after(device_id: str) -> list[tuple[str, bool]]:
    query = "SELECT device_id, stock_screen FROM lampi WHERE device_id > ? AND connected ORDER BY device_id LIMIT ?"
    return run_sql(query, device_id, bulk.ROWS_A_STATEMENT * 10)


def _known_among(device_ids: Iterable[str]) -> tuple[dict[str, bool], set[str]]:
    """Return the known lamps, each with whether it is connected, and those with stock treatment."""
    query = "SELECT device_id, connected, stock_screen FROM lampi WHERE device_id {}"
    rows = list(bulk.rows_among(query, device_ids))
    connected = {device_id: bool(connected) for device_id, connected, _ in rows}
    return connected, {device_id for device_id, _, stock_screen in rows if stock_screen}


def _set_presence(device_ids: Iterable[str], up: bool, now: datetime) -> None:
    since = Lampi._meta.fields["presence_since"].db_value(now)
    bulk.change_among("UPDATE lampi SET connected = ?, presence_since = ? WHERE device_id {}", device_ids, up, since)
