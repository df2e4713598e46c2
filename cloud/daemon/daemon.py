"""The daemon: registers new lamps and publishes the outbox."""

import logging
import signal
import time
from collections.abc import Callable
from datetime import datetime

import peewee

from cloud.daemon.adoption_guard import AdoptionGuard, has_mark
from cloud.daemon.change_notifier import change_notifier_for
from cloud.daemon.daemon_database import DaemonDatabase
from cloud.daemon.floods import Floods
from cloud.daemon.inbox import Inbox
from cloud.daemon.lamp_resets import LampResets
from cloud.daemon.lamp_states import LampStates
from cloud.daemon.leader_election import LeaderElection
from cloud.daemon.metrics import Metrics, MetricsPort
from cloud.daemon.mqtt_link import DaemonLink
from cloud.daemon.other_bridges import OtherBridges
from cloud.daemon.outlet import Outlet
from cloud.daemon.presence import PresenceBatch, log_new_lamps
from cloud.daemon.publisher import Publisher
from cloud.daemon.recorder import Recorder
from cloud.daemon.resync import Resync
from cloud.daemon.upkeep import Upkeep
from cloud.db.database import one_line
from cloud.db.timestamps import utc_now
from cloud.errors import DatabaseAway, DatabaseReplaced
from cloud.rate_limit import policy
from cloud.services.statistics import read_statistics
from cloud.settings import CloudSettings
from cloud.store import broker_faults, claim_url
from cloud.webhook.sender import WebhookSender

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
"""Polling interval for changes by other processes where the database does not notify us. On a disk that takes over half
a second to commit, such a change may go unnoticed for a whole round."""

POLLS_A_ROUND = 30
"""Polls per round. A poll is almost free (see `change_notifier`); a round does all the daemon's work."""

FLUSH_SECONDS = 1.5
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


class Daemon:
    """The daemon's main loop, on one thread; the link's thread only adds events to its inbox.

    Events are recorded in memory first and written to the database afterwards, so a database error in between loses
    none.
    """

    def __init__(self, settings: CloudSettings, *, migrate: bool, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._now = now
        self._stopping = False
        self._database = DaemonDatabase(
            settings.database_url, migrate=migrate, had_another=lambda: has_mark(settings.broker)
        )
        self._inbox = Inbox()
        self._election = LeaderElection(now)
        self._metrics = Metrics()
        self._presence = PresenceBatch(settings.codes.stock_screens)
        self._resets = LampResets(settings.lamp_reset)
        self._other_bridges = OtherBridges(settings.bridge_names)
        self._changes = change_notifier_for(settings.database_url, self._wake)
        self._outlet = Outlet(self._election, self._metrics.published)
        self._publisher = Publisher(self._outlet)
        parts = self._outlet, self._publisher, self._presence, self._metrics
        self._recorder = Recorder(settings.broker, *parts, resets=self._resets, wake=self._wake)
        self._guard = AdoptionGuard(settings.broker, self._presence, self._publisher.refusals, self._wake)
        self._states = LampStates(settings.broker, settings.mqtt_levels, self._outlet, self._wake)
        self._resync = Resync(settings.broker, self._election, self._publisher, now)
        self._upkeep = Upkeep(settings, self._outlet, self._metrics, now=now)
        self._webhook = WebhookSender(settings.webhook, now)
        self._metrics_port = MetricsPort(self._metrics, settings.metrics_port)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then finish pending work and return within seconds.

        Raises:
            UnusableDatabase: needs an operator. An unavailable database is retried instead.
        """
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, self._request_stop)
        log.info("Daemon started; broker %s, database %s", self._settings.broker, self._settings.shown_database_url)
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping:
            self._metrics_port.keep_open(time.monotonic())
            try:
                self._step()
            except (peewee.PeeweeException, DatabaseAway) as fault:
                if isinstance(fault, DatabaseReplaced):
                    self._disconnect()
                    self._guard.start_over()
                    self._election.start_over()
                    self._database.leave()
                if pause == FIRST_PAUSE_SECONDS:
                    log.error("Database error, retrying: %s", one_line(fault))
                self._metrics.database.set(0)
                self._wait_out(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if pause > FIRST_PAUSE_SECONDS:
                    log.info("Database available again")
                pause = FIRST_PAUSE_SECONDS
        self._leave()

    def _request_stop(self, *_signal: object) -> None:
        self._stopping = True

    def _step(self) -> None:
        """Run one round: renew the lease, take events, write to the database, publish."""
        self._database.open(self._publisher.sent_up_to)
        if self._election.keep():
            self._connect()
        else:
            self._disconnect()
        self._await()
        if not self._may_publish():
            self._end_round()
            return
        self._states.step(self._now(), time.monotonic())
        self._resync.begin(self._outlet.session)
        self._register()
        if self._outlet.session is not None:
            self._resync.step(self._outlet.session, self._outlet.link, crowded=self._inbox.is_crowded)
            self._resets.step(self._now(), time.monotonic())
            self._upkeep.step(self._outlet.session, crowded=self._inbox.is_crowded)
        if self._election.held():
            self._publisher.refusals.note_condition(broker_faults.WEBHOOK_FAILS, holds=self._webhook.failures > 0)
            self._publisher.pump(self._now(), time.monotonic())
        self._end_round()

    def _end_round(self) -> None:
        self._election.note_work()
        self._metrics.end_round({"webhook": self._webhook.failures})
        self._metrics_port.look(time.monotonic(), lambda: read_statistics(self._now()))

    def _may_publish(self) -> bool:
        return self._guard.admits(self._outlet.session, self._outlet.link, self._now(), time.monotonic())

    def _connect(self) -> None:
        if self._outlet.link is not None and self._outlet.link.ended:
            self._disconnect()
        if self._outlet.link is None:
            policy.announce(self._settings.codes)  # database writes first: if they fail, no link has been created
            claim_url.announce(self._settings.claim_url)
            self._upkeep.start_over()
            self._webhook.start()
            self._inbox = Inbox()  # discards late events of the previous link
            self._outlet.link = DaemonLink(
                self._settings.broker,
                self._settings.mqtt_levels,
                self._settings.presence_filters,
                self._inbox,
                self._other_bridges,
                floods=Floods(self._metrics.flooding, self._metrics.flood_messages, self._settings.bridge_names),
                again=self._election.held,
                on_ignored=self._metrics.ignore,
            )
            self._outlet.link.start()
            self._changes.start()
            self._metrics.leader.set(1)

    def _disconnect(self) -> None:
        if self._outlet.link is not None:
            self._webhook.stop()
            self._states.stop()
            self._changes.stop()
            self._inbox.close()  # else the link's thread could block on the full inbox, and `stop` on that thread
            self._outlet.link.stop()
            self._outlet.link = self._outlet.session = None
            self._metrics.leader.set(0)
            self._metrics.connected.set(0)
            self._presence.clear()  # the next leader receives all of it; written later, it would be stale
            self._resets.clear()

    def _await(self) -> None:
        """Wait for events or for new messages to publish, for at most one round."""
        session = self._outlet.session
        polls = 1 if session is not None and self._resync.is_under_way(session) else POLLS_A_ROUND
        if self._changes.pushes:
            self._take(min(polls * POLL_SECONDS, self._states.longest_pause_seconds))
            return
        for _ in range(polls):
            if self._take(POLL_SECONDS) or self._states.have_reports(time.monotonic()):
                return
            may_have_changed = session and self._changes.may_have_changed()
            if may_have_changed and (self._publisher.has_pending() or self._states.have_work(self._now())):
                return

    def _take(self, seconds: float) -> bool:
        for event in (events := self._inbox.take(seconds)):
            self._recorder.record(event)
        return bool(events)

    def _wake(self) -> None:
        self._inbox.wake()  # each link has an inbox of its own

    def _register(self) -> None:
        if not self._presence or not self._election.held():
            return
        with self._metrics.batch_seconds.time():
            created = self._presence.register(
                self._now(), self._election.held, is_live=self._outlet.is_live, is_settled=self._outlet.is_settled
            )
        self._metrics.created.inc(len(created))
        log_new_lamps(created)

    def _wait_out(self, seconds: float) -> None:
        """Wait before a retry of the database, while still taking events; a stop request ends the wait."""
        self._database.hang_up()
        end = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < end:
            if not self._presence.is_full:
                self._take(POLL_SECONDS)
            else:  # events wait in the inbox, then in TCP; after too long a wait the broker resends the state
                time.sleep(POLL_SECONDS)

    def _leave(self) -> None:
        """Write the received events and wait briefly for the broker's confirmations."""
        end = time.monotonic() + FLUSH_SECONDS
        try:
            while self._outlet.session is not None and time.monotonic() < end:
                self._take(POLL_SECONDS)
                if not self._may_publish():
                    break
                self._register()
                if self._election.held():
                    self._publisher.pump(self._now(), time.monotonic())
                if self._publisher.idle and not self._presence:
                    break
        except (peewee.PeeweeException, DatabaseAway) as fault:
            log.error("Database error on shutdown, remaining work left to the next start: %s", one_line(fault))
        self._disconnect()
        if self._database.is_open:
            self._election.resign()
            self._database.hang_up()
        self._other_bridges.log_count()
        log.info("Daemon stopped")
