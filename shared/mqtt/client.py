"""MQTT client on paho-mqtt: reconnects with backoff, and survives exceptions in callbacks.

It sets the will before it connects, and publishes the birth message and subscribes on each connection. An exception in
a paho callback would end paho's thread while ``is_connected()`` stays true.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho

from shared.log_throttle import LogThrottle
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Publication, Subscription
from shared.mqtt.resilient_paho import ResilientClient
from shared.mqtt.router import Router
from shared.mqtt.tls import explained
from shared.mqtt.trouble import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Trouble, TroubleWatch

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 20  # the client detects a dead connection within twice this

CONNECT_TIMEOUT_SECONDS = 3.0
STOP_SECONDS = 2.0

MOST_IN_FLIGHT = 20
"""Maximum number of unconfirmed messages of QoS 1 and 2; paho queues the rest. It is Mosquitto's default for
`max_inflight_messages`. Of QoS 2 messages beyond it, 2.0.11 confirms all and loses most: 878 of 1,000."""

_CREDENTIALS_REFUSED = ("Bad user name or password", "Not authorized")
_CONNECTED = "Connected to the broker at %s"
_RIVAL = "The broker at %s closes each connection soon: another client may have the same client ID; stop one"


def _ignore(_: object) -> None:
    """Ignore an event."""


class MqttClient:
    """Stays connected to the broker from `start` to `stop`.

    Callbacks run on paho's thread and must return at once. ``on_connection`` is called with True when the broker
    accepts the connection, and with False when it is lost. ``on_confirmed`` is called with the number that `publish`
    returned when the broker has confirmed the message (PUBACK or PUBCOMP), possibly before `publish` returns. It is
    called for the birth message, too, and under paho's lock: it must not wait for a thread that publishes.

    ``again`` is called on the same thread after a connection was lost; if it returns False, the client stops.
    ``on_ignored`` is called with the kind of error of each ignored message. ``on_trouble`` is called with what is wrong
    with connections that the broker accepts, and with None when that is over. ``now`` returns seconds, for counting
    repeated warnings. With ``quiet``, connecting is logged at DEBUG.
    """

    def __init__(
        self,
        broker: BrokerUrl,
        client_id: str,
        *,
        subscriptions: Sequence[Subscription] = (),
        will: Publication | None = None,
        birth: Publication | None = None,
        on_connection: Callable[[bool], None] = _ignore,
        on_confirmed: Callable[[int], None] = _ignore,
        on_ignored: Callable[[str], None] = _ignore,
        on_trouble: Callable[[Trouble | None], None] = _ignore,
        again: Callable[[], bool] = lambda: True,
        now: Callable[[], float] = time.monotonic,
        quiet: bool = False,
    ) -> None:
        self._broker = broker
        self._subscriptions = tuple(subscriptions)
        self._router = Router(subscriptions, self._ignore_message)
        self._will = will
        self._birth = birth
        self._on_connection = on_connection
        self._on_confirmed = on_confirmed
        self._on_ignored = on_ignored
        self._trouble_watch = TroubleWatch(on_trouble)
        self._again = again
        self._now = now
        self._level = logging.DEBUG if quiet else logging.INFO
        self._throttle = LogThrottle(log)
        self._outage_is_logged = False
        self._stopping = False
        # One object per accepted connection, None in between. paho's is_connected() is not enough: it is true before
        # drop_out_messages(), which would discard what another thread has just published.
        self._session: object | None = None
        self._unanswered: set[int | None] = set()
        self._client = self._make_client(client_id)

    def start(self) -> None:
        """Connect in the background, retrying until the broker is reachable."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=KEEPALIVE_SECONDS)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end paho's thread, within a few seconds even on a broken network.

        A clean disconnect makes the broker discard the will, so the will's message is published first.
        """
        self._stopping = True
        if self._will is not None and self._session is not None:
            farewell = self._client.publish(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
            try:
                farewell.wait_for_publish(STOP_SECONDS)
            except (RuntimeError, ValueError):
                log.debug("Connection lost before the last message was confirmed")
        self._client.disconnect()
        # loop_stop() joins without a timeout, and paho's thread may be blocked in a connect to a silent host.
        stopper = threading.Thread(target=self._client.loop_stop, daemon=True)
        stopper.start()
        stopper.join(STOP_SECONDS)
        self._throttle.finish(self._now())

    @property
    def session(self) -> object | None:
        """An object that identifies the current connection, or None without one."""
        return self._session

    def publish(self, publication: Publication, over: object | None = None) -> int | None:
        """Publish a message without waiting; with ``over``, only in that session.

        Returns the number for ``on_confirmed``, or None without a connection or after that session. Messages that are
        unconfirmed when the connection is lost are dropped; the caller publishes them again.
        """
        session = self._session
        if session is None or over not in (None, session):
            return None
        sent = self._client.publish(publication.topic, publication.payload, publication.qos, publication.retain)
        return sent.mid if sent.rc == paho.MQTT_ERR_SUCCESS and self._session is session else None

    def cut(self, session: object) -> None:
        """Close a session's connection at once, from any thread; unconfirmed messages are dropped."""
        if self._session is session:
            self._log_outage("does not confirm a message in time")
            self._trouble_watch.cut()
            self._client.cut()

    def subscribe(self) -> set[int | None]:
        """Subscribe, also again: the broker then resends its retained messages. Returns the requests' numbers."""
        return {self._client.subscribe(each.topic_filter, each.qos)[1] for each in self._subscriptions}

    def _make_client(self, client_id: str) -> ResilientClient:
        client = ResilientClient(client_id, on_tick=self._tick, on_fault=self._paho_failed)
        client.connect_timeout = CONNECT_TIMEOUT_SECONDS
        client.reconnect_delay_set(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        client.max_inflight_messages_set(MOST_IN_FLIGHT)
        client.sign_in_at(self._broker)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        client.on_connect = self._guarded(self._connected)
        client.on_connect_fail = self._guarded(self._connect_failed)
        client.on_disconnect = self._guarded(self._disconnected)
        client.on_subscribe = self._guarded(self._subscribed)
        client.on_publish = self._guarded(self._confirmed)
        client.on_message = self._guarded(self._arrived)
        return client

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as fault:
                what = f"Internal error in a broker callback, continuing: {type(fault).__name__}"
                self._throttle.warning(what, self._now(), fault)

        return guarded

    def _arrived(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._router.ignore_unasked()
        else:
            self._router.deliver(topic, bytes(message.payload), message.retain)

    def _ignore_message(self, why: str, kind: str) -> None:
        self._throttle.warning(why, self._now())
        self._on_ignored(kind)

    def _connected(self, client: paho.Client, _userdata: object, _flags: object, reason: Any, _props: object) -> None:
        if reason.is_failure:
            check = "; check the user and password" if reason.getName() in _CREDENTIALS_REFUSED else ""
            self._log_outage(f"refuses the connection ({str(reason).lower()}){check}")
            return
        if self._stopping:  # stopped while paho was blocked in connect()
            client.disconnect()
            return
        self._trouble_watch.accepted(self._now())
        client.drop_out_messages()
        self._unanswered = self.subscribe()
        if self._birth is not None:
            client.publish(self._birth.topic, self._birth.payload, self._birth.qos, self._birth.retain)
        self._outage_is_logged = False
        self._session = object()
        if not self._subscriptions:
            log.log(self._level, _CONNECTED, self._broker)
        self._on_connection(True)

    def _connect_failed(self, _client: object, _userdata: object) -> None:
        self._trouble_watch.failed()
        fault = sys.exc_info()[1]
        self._log_outage(explained(fault) or f"can't be reached ({fault})")

    def _disconnected(self, client: Any, _userdata: object, _flags: object, reason: Any, _props: object) -> None:
        refusal = self._client.take_refusal()
        if reason.is_failure:
            otherwise = "does not speak MQTT" if self._session is None else "closed the connection"
            self._log_outage(refusal or otherwise)
        if self._session is not None and not self._stopping and not self._again():
            self._stopping = True
            client.disconnect()
        self._lose_session()

    def _paho_failed(self, fault: Exception) -> None:
        self._log_outage(f"failed ({type(fault).__name__}: {fault})")
        self._guarded(self._lose_session)()

    def _lose_session(self) -> None:
        if self._session is not None:
            self._session = None
            if self._trouble_watch.lost(self._now()) and not self._stopping:
                log.warning("%s; reconnecting with growing pauses", _RIVAL % self._broker)
            self._client.reconnect_delay_set(self._trouble_watch.pause, LONGEST_PAUSE_SECONDS)
            self._on_connection(False)

    def _log_outage(self, what: str) -> None:
        if not self._outage_is_logged and not self._stopping:  # an attempt may fail long after stop()
            self._outage_is_logged = True
            log.warning("The broker at %s %s; retrying", self._broker, what)

    def _subscribed(self, _client: object, _userdata: object, mid: int, reasons: Any, _props: object) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("The broker at %s refuses a subscription; check the user's access rules", self._broker)
            self._trouble_watch.refused()
        if mid in self._unanswered:
            self._unanswered.discard(mid)
            if not self._unanswered:  # only now are all subscriptions active
                log.log(self._level, _CONNECTED, self._broker)

    def _confirmed(self, _client: object, _userdata: object, mid: int, _reason: object, _props: object) -> None:
        self._on_confirmed(mid)

    def _tick(self) -> None:
        self._throttle.tick(self._now())
        self._trouble_watch.tick(self._now())
