"""Resync on connect: compares what the broker retains with the database and repairs it."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from cloud.daemon.leader_election import LeaderElection
from cloud.daemon.mqtt_link import DaemonLink
from cloud.daemon.presence import PresenceSnapshot
from cloud.daemon.publisher import Publisher
from cloud.daemon.session import Session
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.reconciliation.orphans import OrphanSweep
from cloud.reconciliation.replay import Replay
from cloud.store import outbox
from shared.mqtt.broker_url import BrokerUrl

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.2
"""Time slice for setting missing lamps offline; events are handled between slices."""

MOST_AT_ONCE = 4 * ROWS_A_STATEMENT
"""How many messages are replayed at once before waiting for confirmations; most brokers lose fewer."""

LONGEST_PAUSE_SECONDS = 1.0
"""Maximum pause of the replay while other messages are being published."""


class Resync:
    """The resync on each connection, before the publisher trusts the broker's retained messages."""

    def __init__(
        self, broker: BrokerUrl, election: LeaderElection, publisher: Publisher, now: Callable[[], datetime]
    ) -> None:
        self._broker = broker
        self._election = election
        self._publisher = publisher
        self._now = now
        self._sweep: OrphanSweep | None = None
        self._replayed_at = 0.0

    def is_under_way(self, session: Session) -> bool:
        """Return whether the resync is still in progress."""
        return session.snapshot is not None or not session.is_replayed or self._sweep is not None

    def begin(self, session: Session | None) -> None:
        """Record the last version before this connection; call it before the connection causes new versions."""
        if session is not None and session.newest_before is None:
            session.newest_before = outbox.last_version()
            self._sweep = None  # it read what the broker retained on an earlier connection

    def step(self, session: Session, link: DaemonLink | None, *, crowded: bool) -> None:
        """Send the probe, and once all retained messages have arrived, repair what is missing.

        While ``crowded``, work that can wait is postponed.
        """
        if self._publisher.refusals.subscriptions:
            # Without a subscription, the snapshot would set all lamps offline.
            if link is not None and session.subscribing_is_due(time.monotonic()):
                session.begin_reading()
                link.ask_again(session.of_link)
            return
        if not self.is_under_way(session):
            return
        if link is not None and session.probe_is_due(time.monotonic()):
            link.probe(session.word, session.of_link)
        if not self._election.held():
            return
        if session.newest_before is not None and session.all_is_read and not session.is_replayed:
            self._replay_lost(session, session.newest_before)
        crowded = crowded or not session.is_replayed  # lamps' screens first, then presence
        if (
            session.snapshot is not None
            and session.snapshot_is_due(crowded, time.monotonic())
            and self._settle(session, session.snapshot)
        ):
            if session.snapshot.gone_offline:
                log.info("%d lamps went offline", session.snapshot.gone_offline)
            session.note_settled()
        if self._sweep is not None and self._sweep.step(self._now()):
            self._sweep = None

    def _settle(self, session: Session, snapshot: PresenceSnapshot) -> bool:
        """Process the snapshot for one time slice; return True when done."""
        session.settling_since = session.settling_since or self._now()
        end = time.monotonic() + SETTLE_SECONDS
        while not (done := snapshot.settle(self._now(), self._election.held)) and time.monotonic() < end:
            pass
        return done

    def _replay_lost(self, session: Session, newest_before: int) -> None:
        """Replay a batch of lost messages, no faster than they are published, so that new lamps need not wait."""
        if session.replay is None:
            session.replay = Replay(session.mark, newest_before)
            if not session.replay.suspect:  # otherwise keep the mark that shows this database to be older
                self._publisher.take_over_mark(session.replay.mark)
        replay = session.replay
        if replay.replayed == 0:
            replay.step(self._now(), MOST_AT_ONCE)
            if not replay.done:
                log.warning("Republishing lamp state in batches")
        elif self._publisher.keeps_up() or time.monotonic() >= self._replayed_at + LONGEST_PAUSE_SECONDS:
            replay.step(self._now())
        else:
            return
        self._replayed_at = time.monotonic()
        if replay.done:
            self._publisher.take_over_mark(replay.mark)
            if replay.suspect:
                self._sweep = OrphanSweep(self._broker)
            if replay.replayed:
                log.warning("Republished up to %d messages that the broker had lost", replay.replayed)
