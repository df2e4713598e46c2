"""Reading back what the broker has, once on each connection, and making up for what it has not."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from cloud import outbox
from cloud.agreement import healing
from cloud.agreement.ghosts import GhostHunt
from cloud.daemon.leadership import Leadership
from cloud.daemon.link import DaemonLink
from cloud.daemon.presence import RollCall
from cloud.daemon.publisher import Publisher
from cloud.daemon.session import Session
from shared.broker_url import BrokerUrl

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.2
"""How long the roll is settled in one step; what arrives meanwhile is dealt with before the next."""


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

    def is_under_way(self, session: Session) -> bool:
        """Tell whether there is still something to do on this connection."""
        return session.roll is not None or self._hunt is not None

    def step(self, session: Session, link: DaemonLink | None, *, crowded: bool) -> None:
        """Ask for the end of what the broker retains, and once it has come make up for what is not there.

        While it is ``crowded`` what can wait does.
        """
        if not self.is_under_way(session):
            return
        if session.newest_before is None:
            session.newest_before = outbox.last_version()
        if link is not None and session.probe_is_due(time.monotonic()):
            link.probe(session.word)
        if not self._leadership.held():
            return
        if session.all_is_read and not session.mark_is_settled and not self._heal(session):
            return
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

    def _heal(self, session: Session) -> bool:
        """Enqueue what the broker lost; return False where another daemon became the publisher meanwhile."""
        after = healing.version_to_heal_from(session.mark)
        told = 0
        for batch in healing.tell_again(after, session.newest_before or 0, self._now()):
            told += batch
            # Many lamps take longer than a lease lasts, and a successor would have to begin again.
            if not self._leadership.keep():
                return False
        if told:
            log.warning("The broker had lost up to %d messages; saying them again", told)
        if outbox.broker_is_suspect():
            self._hunt = GhostHunt(self._broker)
        session.mark_is_settled = True
        self._publisher.take_over_mark()
        return True
