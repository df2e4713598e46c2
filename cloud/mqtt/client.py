"""MQTT connection on a thread of its own that reconnects automatically and reports each message's outcome."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from cloud.mqtt import reasons
from cloud.mqtt.dialing import Unreachable, dial
from cloud.mqtt.endings import Endings
from cloud.mqtt.keepalive import BrokerStalled, KeepAlive, Progress
from cloud.mqtt.listener import Listener, Session
from cloud.mqtt.outage import OutageLog
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.packets import Login
from cloud.mqtt.protocol import Protocol
from cloud.mqtt.reading import ProtocolError
from cloud.mqtt.transport import Transport
from shared.log_throttle import LogThrottle
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Publication
from shared.mqtt.tls import explained
from shared.protocol.errors import quoted

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 2.0
TICK_SECONDS = 1.0

DEFAULT_IN_FLIGHT = 20
"""Window for MQTT 3.1.1, where the broker can't announce a limit: Mosquitto's default for `max_inflight_messages`.
Beyond it, Mosquitto 2.0.11 confirms QoS 2 messages but loses most of them."""

_MAX_QOS = reasons.advice_on(reasons.NO_SUCH_QOS)

FAREWELL = 0
"""Number of the message published before a clean disconnect; its outcome is not reported."""


class BrokerClient:
    """Stays connected from `start` to `stop`, reconnecting with backoff.

    ``levels`` are the MQTT versions to try. On each connection the client subscribes to ``filters`` and publishes the
    numbered ``birth``. ``most_in_flight`` limits the unconfirmed messages.
    """

    def __init__(
        self,
        broker: BrokerUrl,
        login: Login,
        listener: Listener,
        *,
        levels: Sequence[int],
        most_in_flight: int,
        filters: Sequence[tuple[str, int]] = (),
        birth: tuple[int, Publication] | None = None,
        outage: OutageLog | None = None,
    ) -> None:
        self._broker = broker
        self._login = login
        self._listener = listener
        self._levels = levels
        self._most_in_flight = most_in_flight
        self._filters = filters
        self._birth = birth
        self._throttle = LogThrottle(log)
        self._endings = Endings()
        self._outage = outage or OutageLog(broker)
        self._pause = FIRST_PAUSE_SECONDS
        self._stopping = threading.Event()
        self._session: Session | None = None
        self._transport: Transport | None = None
        self._handed: deque[tuple[Session, Callable[[Protocol], object]]] = deque()
        self._unanswered = -1
        self._thread = threading.Thread(target=self._work, name="broker", daemon=True)

    def start(self) -> None:
        """Connect in the background, retrying until the broker is reachable."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end the thread, within a few seconds even on a broken network.

        A clean disconnect makes the broker discard the will, so the will's message is published first.
        """
        self._stopping.set()
        self._outage.close()
        self._wake()
        self._thread.join(STOP_SECONDS + TICK_SECONDS)
        self._throttle.finish(time.monotonic())

    def publish(self, session: Session, messages: Sequence[tuple[int, Publication]]) -> bool:
        """Queue numbered messages for this connection only; return False if it is gone.

        Messages without an outcome when the connection is lost are dropped; the caller publishes them again.
        """

        def publish(protocol: Protocol) -> None:
            for number, publication in messages:
                protocol.publish(number, publication)

        return self.hand(session, publish)

    def narrow(self, session: Session) -> bool:
        """Limit this connection to one unconfirmed message; return False if it is gone."""
        return self.hand(session, lambda protocol: protocol.window.limit_to(1))

    def subscribe(self, session: Session) -> bool:
        """Subscribe again, so that the broker resends retained messages; return False if the connection is gone."""
        return self.hand(session, lambda protocol: protocol.subscribe(self._filters))

    def hand(self, session: Session, act: Callable[[Protocol], object]) -> bool:
        """Have the client's thread act on this connection; return False if it is gone."""
        if self._session is not session:
            return False
        self._handed.append((session, act))
        self._wake()
        return True

    def _wake(self) -> None:
        if (transport := self._transport) is not None:
            with suppress(OSError):  # the connection was closed meanwhile
                transport.wake()

    def _work(self) -> None:
        first = True
        while not self._stopping.is_set() and (first or self._listener.may_go_on()):
            first = False
            try:
                self._connect_once()
            except Unreachable as fault:
                self._outage.begin(str(fault))
                if fault.reason is not None:
                    self._guarded(self._listener.connection_rejected, fault.reason)
            except Exception as fault:
                self._outage.begin(f"failed ({type(fault).__name__}: {fault})")
                log.debug("Broker thread error", exc_info=True)
            self._throttle.tick(time.monotonic())
            self._stopping.wait(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _connect_once(self) -> None:
        """Connect and run the connection until it is lost."""
        connection, protocol = dial(self._broker, self._login, self._levels, self._most_in_flight)
        with closing(Transport(connection)) as transport:
            if self._stopping.is_set():  # stopped while `dial` was blocking
                protocol.disconnect()
                transport.send(protocol.to_send())
                return
            session, began_at = Session(protocol.level), time.monotonic()
            if self._endings.begin(protocol):
                log.warning("The broker at %s ends connections at QoS 2, using QoS 1; %s", self._broker, _MAX_QOS)
            if not session.reports_refusals:
                protocol.window.limit_to(DEFAULT_IN_FLIGHT)
            try:
                self._begin(transport, protocol, session)
                why = self._converse(transport, protocol, session)
            except BrokerStalled as stalled:
                why = str(stalled)
            except ProtocolError as fault:
                why = f"violated the MQTT protocol ({fault})"
            except OSError as fault:
                why = explained(fault) or "became unavailable"
            finally:
                self._session = self._transport = None
                self._guarded(self._listener.lost)
                reason = self._endings.note(protocol, time.monotonic() - began_at)
                if reason is not None:
                    self._guarded(self._listener.connection_rejected, reason)
        if why is not None:
            self._outage.begin(why)

    def _begin(self, transport: Transport, protocol: Protocol, session: Session) -> None:
        self._handed.clear()
        self._unanswered = protocol.subscribe(self._filters) if self._filters else -1
        if self._birth is not None:
            protocol.publish(*self._birth)
        self._transport, self._session = transport, session
        if not self._filters:
            self._note_connected(session)
        self._guarded(self._listener.connected, session)

    def _converse(self, transport: Transport, protocol: Protocol, session: Session) -> str | None:
        """Run the connection; return why the broker ended it, or None if this client did."""
        alive = KeepAlive(protocol, self._login.keepalive_seconds, time.monotonic())
        progress = Progress(protocol, time.monotonic())
        leave_by: float | None = None
        while True:
            while self._handed:
                of, act = self._handed.popleft()
                if of is session:
                    act(protocol)
            if leave_by is None and self._stopping.is_set():
                leave_by = time.monotonic() + STOP_SECONDS
                if self._login.will is not None:
                    protocol.publish(FAREWELL, self._login.will)
            transport.send(protocol.to_send())  # before slow work: the broker is waiting for it
            outcomes = self._hand_out(protocol, session)
            if protocol.ended is not None:
                if protocol.ended.reason in reasons.OF_SETTINGS - {reasons.TAKEN_OVER}:
                    self._guarded(self._listener.connection_rejected, protocol.ended.reason)
                return protocol.ended.text
            if leave_by is not None and (
                self._login.will is None or outcomes.has(FAREWELL) or time.monotonic() >= leave_by
            ):
                protocol.disconnect()
                transport.send(protocol.to_send())
                return None
            transport.prepare_to_sleep()
            hurry = self._handed or (leave_by is None and self._stopping.is_set())
            received = transport.receive(0 if hurry else TICK_SECONDS)
            if received:
                protocol.receive(received)
            alive.tick(bool(received), time.monotonic())
            progress.tick(time.monotonic())
            self._throttle.tick(time.monotonic())

    def _hand_out(self, protocol: Protocol, session: Session) -> Outcomes:
        """Pass received data to the listener; return the outcomes."""
        outcomes = protocol.take_outcomes()
        if outcomes:
            self._guarded(self._listener.concluded, session, outcomes)
        self._guarded(self._listener.received, protocol.take_messages())
        while protocol.oversized:
            topic, size = protocol.oversized.pop()
            self._throttle.warning(
                f"Ignoring a message of {size} bytes on {quoted(topic.decode(errors='replace'))}", time.monotonic()
            )
        while protocol.subacks:
            identifier, codes = protocol.subacks.pop(0)
            self._guarded(self._listener.subscribed, codes)
            if identifier == self._unanswered:  # only now are all subscriptions active
                self._note_connected(session)
        return outcomes

    def _guarded(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call a listener; an exception in it must not silently end the thread and the connection."""
        try:
            callback(*arguments)
        except Exception as fault:
            what = f"Internal error in a broker callback, continuing: {type(fault).__name__}"
            self._throttle.warning(what, time.monotonic(), fault)

    def _note_connected(self, session: Session) -> None:
        self._pause = FIRST_PAUSE_SECONDS  # not at CONNACK: a broker may close each connection at once
        self._outage.end(session)
