"""Reading back what the broker has, once on each connection, and making up for what it has not."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from cloud import outbox
from cloud.agreement.ghosts import GhostHunt
from cloud.agreement.healing import Healing
from cloud.bulk import ROWS_A_STATEMENT
from cloud.daemon.leadership import Leadership
from cloud.daemon.link import DaemonLink
from cloud.daemon.presence import RollCall
from cloud.daemon.publisher import Publisher
from cloud.daemon.session import Session
from shared.broker_url import BrokerUrl

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.2
"""How long the roll is settled in one step; what arrives meanwhile is dealt with before the next."""

MOST_AT_ONCE = 4 * ROWS_A_STATEMENT
"""How many lamps are told again at once, before anything waits for what is under way: most brokers lose less."""

LONGEST_PAUSE_SECONDS = 1.0
"""How long the healing waits at most between two steps while other messages are in its way."""


class ReadingBack:
    """What the publisher does on a connection before it takes the broker's memory for granted."""

    def __init__(
        self, broker: BrokerUrl, leadership: Leadership, publisher: Publisher, now: Callable[[], datetime]
    ) -> None:
        self._broker = broker
        self._leadership = leadership
        self._publisher = publisher
        self._now = now
        self._hunt: GhostHunt | None = None
        self._healed_at = 0.0

    def is_under_way(self, session: Session) -> bool:
        """Tell whether there is still something to do on this connection."""
        return session.roll is not None or not session.is_healed or self._hunt is not None

    def begin(self, session: Session | None) -> None:
        """Keep in mind what was numbered before this connection; before anything is numbered that it brings."""
        if session is not None and session.newest_before is None:
            session.newest_before = outbox.last_version()
            self._hunt = None  # it read what the broker of an earlier connection retained

    def step(self, session: Session, link: DaemonLink | None, *, crowded: bool) -> None:
        """Ask for the end of what the broker retains, and once it has come make up for what is not there.

        While it is ``crowded`` what can wait does.
        """
        if not self.is_under_way(session):
            return
        if link is not None and session.probe_is_due(time.monotonic()):
            link.probe(session.word, session.of_link)
        if not self._leadership.held():
            return
        if session.newest_before is not None and session.all_is_read and not session.is_healed:
            self._heal(session, session.newest_before)
        crowded = crowded or not session.is_healed  # first what lamps show, then who is not there
        if session.roll is not None and session.roll_is_due(crowded, time.monotonic()) and self._settle(session.roll):
            if session.roll.went_down:
                log.info("%d lamps are no longer there", session.roll.went_down)
            session.roll = None
        if self._hunt is not None and self._hunt.step(self._now()):
            self._hunt = None

    def _settle(self, roll: RollCall) -> bool:
        """Settle as much of the roll as fits into a moment; return whether that was the end of it."""
        end = time.monotonic() + SETTLE_SECONDS
        while not (done := roll.settle(self._now())) and time.monotonic() < end:
            pass
        return done

    def _heal(self, session: Session, newest_before: int) -> None:
        """Enqueue some of what the broker lost, no faster than it is said: a new lamp's code comes soon behind it."""
        if session.healing is None:
            session.healing = Healing(session.mark, newest_before)
            if not session.healing.suspect:  # else its mark stays, which says of this database that it is older
                self._publisher.take_over_mark(session.healing.mark)
        healing = session.healing
        if healing.told == 0:
            healing.step(self._now(), MOST_AT_ONCE)
            if not healing.done:
                log.warning("Many lamps must be told again; doing so a little at a time")
        elif self._publisher.keeps_up() or time.monotonic() >= self._healed_at + LONGEST_PAUSE_SECONDS:
            healing.step(self._now())
        else:
            return
        self._healed_at = time.monotonic()
        if healing.done:
            self._publisher.take_over_mark(healing.mark)
            if healing.suspect:
                self._hunt = GhostHunt(self._broker)
            if healing.told:
                log.warning("The broker had lost up to %d messages; they are said again", healing.told)
