"""The daemon's connection to the broker; turns messages and outcomes into events on the connection's thread."""

import logging
import time
from collections.abc import Callable, Sequence

from cloud.daemon.floods import Floods
from cloud.daemon.inbox import (
    ConnectionChanged,
    ConnectionRejected,
    Dropped,
    Inbox,
    InboxEvent,
    Outcome,
    Presence,
    Probe,
    ResetAsked,
    Subscribed,
)
from cloud.daemon.other_bridges import OtherBridges
from cloud.mqtt.client import BrokerClient
from cloud.mqtt.keepalive import KEEPALIVE_SECONDS
from cloud.mqtt.listener import Listener, Session
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.packets import Login
from cloud.mqtt.reading import Message as Packet
from shared.log_throttle import LogThrottle
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Message, Publication, Subscription
from shared.mqtt.router import Router
from shared.protocol import payloads, topics
from shared.protocol.payloads import CLEARED, DOWN, UP
from shared.protocol.reset import decode_reset_request

log = logging.getLogger(__name__)

CLIENT_ID = "lampi-cloud-daemon"
"""The same for every daemon, so that the broker disconnects a paused leader as soon as its successor connects. Messages
that the old leader still had to send can't arrive after those of the new one."""

WINDOW = 2000
"""Maximum number of unconfirmed messages. The broker's limit bounds those on the wire; the rest are ready to follow, so
that a slow commit does not leave the wire idle."""

_STATES = (UP, DOWN)

MARK, PROBE, STATE, LEFTOVER, REQUEST = -1, -2, -3, -4, -5
"""Numbers of the daemon's own messages; lamps' messages are numbered by their versions, which are above 0."""


class DaemonLink(Listener):
    """The daemon's subscriptions and publications, from `start` to `stop`.

    ``again`` is called on the connection's thread before each reconnect; if it returns False, the link has ``ended``.
    The daemon's retained state is `1` while connected and then `0`. A standby has no link and publishes nothing.
    ``on_ignored`` is called with a reason for each ignored message; ``floods`` holds back what floods.
    """

    def __init__(
        self,
        broker: BrokerUrl,
        levels: Sequence[int],
        presence_filters: Sequence[str],
        inbox: Inbox,
        other_bridges: OtherBridges,
        *,
        floods: Floods,
        again: Callable[[], bool],
        on_ignored: Callable[[str], None],
    ) -> None:
        self.ended = False
        self._on_ignored = on_ignored
        self._again = again
        self._inbox = inbox
        self._other_bridges = other_bridges
        self._floods = floods
        self._throttle = LogThrottle(log)
        self._events: list[InboxEvent] = []
        # Presence is retained, so what QoS 0 loses comes back with the next subscription. At QoS 1 Mosquitto queues
        # 1,000 messages by default and drops the rest; at QoS 0 it drops none.
        subscriptions = [
            Subscription(topics.HIGH_WATER_MARK, 1, self._receive_mark),
            Subscription(topics.DROPPED, 0, self._receive_dropped),
            Subscription(topics.PROBE, 1, lambda message: self._events.append(Probe(message.payload))),
            *(Subscription(topic_filter, 0, self._receive_presence) for topic_filter in presence_filters),
            Subscription(topics.RESET_FILTER, topics.RESET.qos, self._receive_reset),
        ]
        self._router = Router(subscriptions, self._ignore)
        self._client = BrokerClient(
            broker,
            Login(CLIENT_ID, KEEPALIVE_SECONDS, broker.username, broker.password, state(DOWN)),
            self,
            levels=levels,
            most_in_flight=WINDOW,
            filters=[(each.topic_filter, each.qos) for each in subscriptions],
            birth=(STATE, state(UP)),
        )

    def start(self) -> None:
        """Connect in the background, retrying until the broker is reachable."""
        self._client.start()

    def stop(self) -> None:
        """Disconnect, within a few seconds."""
        self._client.stop()
        self._throttle.finish(time.monotonic())
        self._floods.finish(time.monotonic())

    def publish(self, messages: Sequence[tuple[int, Publication]], session: Session) -> bool:
        """Queue all of these numbered messages in one session; return False if it is gone."""
        return self._client.publish(session, messages)

    def narrow(self, session: Session) -> None:
        """Limit the session to one unconfirmed message."""
        self._client.narrow(session)

    def probe(self, word: bytes, session: Session) -> None:
        """Publish a probe that comes back as `Probe` after all retained messages."""
        probe = Publication(topics.PROBE, word, topics.PROBE_DELIVERY.qos, topics.PROBE_DELIVERY.retain)
        self._client.publish(session, [(PROBE, probe)])

    def ask_again(self, session: Session) -> None:
        """Subscribe again, so that the broker resends its retained messages."""
        self._client.subscribe(session)

    def connected(self, session: Session) -> None:
        self._inbox.put(ConnectionChanged(session))

    def lost(self) -> None:
        """Handle the loss of the connection."""
        self._floods.connection_lost()
        self._inbox.put(ConnectionChanged(None))

    def connection_rejected(self, reason: int) -> None:
        self._inbox.put(ConnectionRejected(reason))

    def subscribed(self, codes: bytes) -> None:
        """Handle the answer to a subscription."""
        self._inbox.put(Subscribed(codes))

    def concluded(self, session: Session, outcomes: Outcomes) -> None:
        self._inbox.put(Outcome(session, outcomes))

    def received(self, messages: Sequence[Packet]) -> None:
        """Turn messages into events; blocks while the inbox is full."""
        router, add_event, is_of_bridge = self._router, self._events.append, self._other_bridges.names.most.fullmatch
        create = tuple.__new__  # in a third of the time of `Presence(...)`
        for topic, payload, retained, _identifier, _times in self._floods.admit(messages, time.monotonic()):
            # Most messages, and a burst has a million: as `_receive_presence` treats them, in a quarter of the time.
            if payload in _STATES and (bridge := is_of_bridge(topic)):
                if payload == UP or not retained:
                    add_event(create(Presence, (bridge[1].decode(), payload == UP, bool(bridge[2]))))
                continue
            try:
                router.deliver(topic.decode(), payload, retained)
            except UnicodeDecodeError:
                router.ignore_unasked()
            except Exception as fault:
                what = f"Internal error while handling a message, skipping it: {type(fault).__name__}"
                self._throttle.warning(what, time.monotonic(), fault)
        self._throttle.tick(time.monotonic())
        if self._events:
            events, self._events = self._events, []
            self._inbox.put_patiently(events)

    def may_go_on(self) -> bool:
        """Return whether to reconnect: a leader without a database must not disconnect its successor."""
        self.ended = not self._again()
        return not self.ended

    def _receive_mark(self, message: Message) -> None:
        if message.retained:  # otherwise our own publication coming back
            self._events.append(payloads.decode_high_water_mark(message.payload))

    def _receive_dropped(self, message: Message) -> None:
        self._events.append(Dropped(payloads.decode_count(message.payload)))

    def _receive_presence(self, message: Message) -> None:
        device_id = topics.parse_presence(message.topic, self._other_bridges.names)
        if device_id is None:
            self._other_bridges.add(message.topic)
            self._on_ignored("other bridge")
            return
        if device_id not in message.topic:
            self._other_bridges.add_upper_case(message.topic)
        if message.payload == CLEARED:  # by the sweep of leftovers
            return
        up = payloads.decode_up(message.payload)
        # A retained `0` adds nothing to the presence snapshot and may be stale: a lamp provisioned since then has its
        # state on another topic.
        if up or not message.retained:
            self._events.append(Presence(device_id, up, not topics.is_provisioned_presence(message.topic, device_id)))

    def _receive_reset(self, message: Message) -> None:
        device_id = topics.parse_reset(message.topic)
        if device_id is not None and not message.retained:  # a retained request may be of any age
            ticket = decode_reset_request(message.payload).ticket
            self._events.append(ResetAsked(device_id, ticket))

    def _ignore(self, why: str, kind: str) -> None:
        self._throttle.warning(why, time.monotonic())
        self._on_ignored(kind)


def state(payload: bytes) -> Publication:
    """Return the retained message with the daemon's state."""
    return Publication(topics.STATE, payload, topics.STATE_DELIVERY.qos, topics.STATE_DELIVERY.retain)
