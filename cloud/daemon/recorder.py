"""Records events in memory; the daemon's rounds write them to the database."""

import time
from collections.abc import Callable

from cloud.daemon.inbox import (
    ConnectionChanged,
    ConnectionRejected,
    Dropped,
    InboxEvent,
    Outcome,
    Presence,
    Probe,
    ResetAsked,
    Subscribed,
)
from cloud.daemon.lamp_resets import LampResets
from cloud.daemon.metrics import Metrics
from cloud.daemon.outlet import Outlet
from cloud.daemon.presence import PresenceBatch
from cloud.daemon.publisher import Publisher
from cloud.daemon.session import Session
from cloud.daemon.verification import verification_for
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol.payloads import HighWaterMark


class Recorder:
    """Passes each event to the part of the daemon that it concerns. ``wake`` ends the daemon's wait for events."""

    def __init__(
        self,
        broker: BrokerUrl,
        outlet: Outlet,
        publisher: Publisher,
        presence: PresenceBatch,
        metrics: Metrics,
        *,
        resets: LampResets,
        wake: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._outlet = outlet
        self._publisher = publisher
        self._presence = presence
        self._resets = resets
        self._metrics = metrics
        self._wake = wake

    def record(self, event: InboxEvent) -> None:
        """Record an event of the current connection; events of a lost one are dropped."""
        session = self._outlet.session
        if isinstance(event, Presence):  # first, since a burst has a million
            if session is not None:
                device_id, up, stock = event
                self._presence.add(device_id, up, stock)
                session.note_presence(device_id, up, stock)
        elif isinstance(event, Outcome):
            if session is not None and event.session is session.of_link:
                self._publisher.conclude(event.outcomes, time.monotonic())
                self._metrics.conclude(event.outcomes)
        elif isinstance(event, ConnectionChanged):
            self._publisher.start_over(verification_for(event.session, self._broker, self._wake))
            self._outlet.session = None if event.session is None else Session(event.session)
            self._metrics.connected.set(event.session is not None)
        elif isinstance(event, ConnectionRejected):
            self._publisher.refusals.connection_rejected(event.reason, time.monotonic())
        elif isinstance(event, Subscribed):
            self._publisher.refusals.subscribed(event.codes)
        elif session is None:
            pass  # the broker sends the state again on the next connection
        elif isinstance(event, ResetAsked):
            self._resets.add(event.device_id, event.ticket)
        elif isinstance(event, HighWaterMark):
            session.mark = event
        elif isinstance(event, Probe):
            session.note_probe(event.word, time.monotonic())
        elif isinstance(event, Dropped):
            self._record_dropped(event.count, session)

    def _record_dropped(self, count: int, session: Session) -> None:
        self._metrics.dropped.set(count)
        if self._outlet.link is not None and session.note_dropped(count, time.monotonic()):
            session.begin_reading()
            self._outlet.link.ask_again(session.of_link)
