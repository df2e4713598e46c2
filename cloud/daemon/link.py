"""The daemon's connection to the broker: messages and outcomes become events, on the connection's own thread."""

import logging
import time
from collections.abc import Callable, Sequence

from cloud.daemon.events import Connection, Dropped, Event, Inbox, Outcome, Presence, Probe, TurnedAway
from cloud.daemon.presence import OtherBridges
from cloud.mqtt.client import BrokerClient
from cloud.mqtt.keepalive import KEEPALIVE_SECONDS
from cloud.mqtt.listener import Listener, Session
from cloud.mqtt.packets import Login
from cloud.mqtt.protocol import Outcomes
from cloud.mqtt.reading import Message as Packet
from shared import payloads, topics
from shared.broker_url import BrokerUrl
from shared.log_throttle import LogThrottle
from shared.messages import Message, Publication, Subscription
from shared.payloads import DOWN, UP
from shared.router import Router

log = logging.getLogger(__name__)

CLIENT_ID = "lampi-cloud-daemon"
"""The same for every daemon, so that the broker itself ends the connection of a leader that was paused as soon as
its successor connects: what the old one had still to send can't come after what the new one says."""

WINDOW = 2000
"""Messages handed over and not yet confirmed; as many of them are on the wire as the broker allows, and the others are
ready to follow, so that a slow commit of ours does not leave the wire idle."""

MARK, PROBE, STATE = -1, -2, -3
"""The numbers of the daemon's own messages; those of lamps have their versions, which are above 0."""


class DaemonLink(Listener):
    """What the daemon hears and says on the broker, from `start` to `stop`.

    ``again`` is asked, on the connection's thread, before each new attempt; where it says False the link has ``ended``.
    While it is connected the broker retains `1` as the daemon's state, then `0`. A standby, linkless, says nothing.
    ``on_ignored`` gets a word on why, for each message that changes nothing.
    """

    def __init__(
        self,
        broker: BrokerUrl,
        levels: Sequence[int],
        presence_filters: Sequence[str],
        inbox: Inbox,
        other_bridges: OtherBridges,
        *,
        again: Callable[[], bool],
        on_ignored: Callable[[str], None],
    ) -> None:
        self.ended = False
        self._on_ignored = on_ignored
        self._again = again
        self._inbox = inbox
        self._other_bridges = other_bridges
        self._throttle = LogThrottle(log)
        self._events: list[Event] = []
        # Presence is a state that the broker retains, so QoS 0 loses nothing that a look at it would not bring
        # back; at QoS 1 Mosquitto queues 1,000 messages by default and drops the rest, at QoS 0 it drops none.
        subscriptions = [
            Subscription(topics.HIGH_WATER_MARK, 1, self._receive_mark),
            Subscription(topics.DROPPED, 0, self._receive_dropped),
            Subscription(topics.PROBE, 1, lambda message: self._events.append(Probe(message.payload))),
            *(Subscription(topic_filter, 0, self._receive_presence) for topic_filter in presence_filters),
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
        """Connect, now or as soon as the broker can be reached; returns at once."""
        self._client.start()

    def stop(self) -> None:
        """Disconnect, within a few seconds."""
        self._client.stop()
        self._throttle.finish(time.monotonic())

    def publish(self, messages: Sequence[tuple[int, Publication]], session: Session) -> bool:
        """Hand numbered messages over, over one session or not at all; return whether it is still there."""
        return self._client.publish(session, messages)

    def narrow(self, session: Session) -> None:
        """Have one message under way at a time."""
        self._client.narrow(session)

    def probe(self, word: bytes, session: Session) -> None:
        """Say a word that comes back as `Probe` after all that the broker retains."""
        said = Publication(topics.PROBE, word, topics.PROBE_DELIVERY.qos, topics.PROBE_DELIVERY.retain)
        self._client.publish(session, [(PROBE, said)])

    def ask_again(self, session: Session) -> None:
        """Have the broker send again all that it retains of what is subscribed to."""
        self._client.subscribe(session)

    def connected(self, session: Session) -> None:
        """Note a new connection."""
        self._inbox.put(Connection(session))

    def lost(self) -> None:
        """Note that the connection is lost."""
        self._inbox.put(Connection(None))

    def turned_away(self, reason: int) -> None:
        """Note that the broker refused us."""
        self._inbox.put(TurnedAway(reason))

    def concluded(self, session: Session, outcomes: Outcomes) -> None:
        """Note what became of messages."""
        self._inbox.put(Outcome(session, outcomes))

    def received(self, messages: Sequence[Packet]) -> None:
        """Turn messages into events, and wait until there is room for them."""
        router = self._router
        for topic, payload, retained, _identifier in messages:
            try:
                router.deliver(topic.decode(), payload, retained)
            except UnicodeDecodeError:
                router.ignore_unasked()
            except Exception as fault:
                what = f"A fault in the program, {type(fault).__name__}, over a message; going on with the next"
                self._throttle.warning(what, time.monotonic(), fault)
        self._throttle.tick(time.monotonic())
        if self._events:
            events, self._events = self._events, []
            self._inbox.put_patiently(events)

    def may_go_on(self) -> bool:
        """Tell whether to connect again: a leader whose database does not answer would else push out its successor."""
        self.ended = not self._again()
        return not self.ended

    def _receive_mark(self, message: Message) -> None:
        if message.retained:  # else it is our own word, coming back
            self._events.append(payloads.decode_high_water_mark(message.payload))

    def _receive_dropped(self, message: Message) -> None:
        self._events.append(Dropped(payloads.decode_count(message.payload)))

    def _receive_presence(self, message: Message) -> None:
        device_id = topics.parse_presence(message.topic)
        if device_id is None:
            self._other_bridges.add(message.topic)
            self._on_ignored("other bridge")
            return
        up = payloads.decode_up(message.payload)
        # A retained `0` says nothing that the presence snapshot does not, and may be stale: a lamp that was provisioned
        # since then has its state on another topic.
        if up or not message.retained:
            self._events.append(Presence(device_id, up))

    def _ignore(self, why: str, kind: str) -> None:
        self._throttle.warning(why, time.monotonic())
        self._on_ignored(kind)


def state(payload: bytes) -> Publication:
    """Return the message that says whether the daemon is there."""
    return Publication(topics.STATE, payload, topics.STATE_DELIVERY.qos, topics.STATE_DELIVERY.retain)
