"""Stock screens: reopens popups whose codes have changed, and applies `LAMPI_STOCK_SCREENS` to all lamps."""

import logging
from datetime import datetime

from cloud.rate_limit.policy import StockScreens
from cloud.services.stock_screens import are_many_reopening, convert_next, note_closed, publish_due

log = logging.getLogger(__name__)


class StockTreatment:
    """Does up to one batch of each kind of work in each round; idle, it costs two queries that find nothing.

    With `yes` or `no`, it goes through all lamps once after each `start_over`; later ones are registered accordingly.
    With `auto`, presence decides.
    """

    def __init__(self, screens: StockScreens) -> None:
        self._stock = screens is StockScreens.YES
        self._applies_to_all = screens is not StockScreens.AUTO
        self._converted_up_to: str | None = None
        self._noted_up_to = ""
        self.start_over()

    def start_over(self) -> None:
        """Go through all lamps again: another daemon may have led meanwhile."""
        self._converted_up_to = "" if self._applies_to_all else None

    def step(self, now: datetime) -> None:
        """Do the work that is due."""
        self._noted_up_to = note_closed(self._noted_up_to, now)
        publish_due(now)
        if self._converted_up_to is not None and not are_many_reopening():
            self._converted_up_to = convert_next(self._converted_up_to, self._stock, now)
            if self._converted_up_to is None:
                log.info("All lamps have %s treatment", "stock" if self._stock else "no stock")
