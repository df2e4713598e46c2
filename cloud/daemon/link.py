"""The daemon's connection to the broker: messages become events, on paho's thread, whose guard reports bad ones."""

from collections.abc import Callable, Sequence

from cloud.daemon.events import Confirmation, Connection, Dropped, Inbox, Presence, Probe
from cloud.daemon.presence import OtherBridges
from shared import payloads, topics
from shared.broker_url import BrokerUrl
from shared.messages import Message, Publication, Subscription
from shared.mqtt import BrokerLink
from shared.payloads import DOWN, UP

CLIENT_ID = "lampi-cloud-daemon"
"""The same for every daemon, so that the broker itself ends the connection of a leader that was paused as soon as
its successor connects: what the old one had still to send can't come after what the new one says."""


class DaemonLink:
    """What the daemon hears and says on the broker, from `start` to `stop`.

    ``again`` is asked, on paho's thread, when the connection was lost; where it says False the link has ``ended``.
    While it is connected the broker retains `1` as the daemon's state, then `0`. A standby, linkless, says nothing.
    ``on_ignored`` gets a word on why, for each message that changes nothing.
    """

    def __init__(
        self,
        broker: BrokerUrl,
        presence_filters: Sequence[str],
        inbox: Inbox,
        other_bridges: OtherBridges,
        *,
        again: Callable[[], bool],
        on_ignored: Callable[[str], None],
    ) -> None:
        self.ended = False
        self._on_ignored = on_ignored
        self._may_go_on = again
        self._inbox = inbox
        self._other_bridges = other_bridges
        # Presence is a state that the broker retains, so QoS 0 loses nothing that a look at it would not bring
        # back; at QoS 1 Mosquitto queues 1,000 messages by default and drops the rest, at QoS 0 it drops none.
        self._link = BrokerLink(
            broker,
            CLIENT_ID,
            subscriptions=[
                Subscription(topics.HIGH_WATER_MARK, 1, self._receive_mark),
                Subscription(topics.DROPPED, 0, self._receive_dropped),
                Subscription(topics.PROBE, 1, lambda message: inbox.put(Probe(message.payload))),
                *(Subscription(topic_filter, 0, self._receive_presence) for topic_filter in presence_filters),
            ],
            will=_state(DOWN),
            birth=_state(UP),
            on_connection=lambda _up: inbox.put(Connection(self._link.session)),
            on_confirmed=lambda number: inbox.put(Confirmation(number)),
            on_ignored=on_ignored,
            again=self._again,
        )

    def start(self) -> None:
        """Connect, now or as soon as the broker can be reached; returns at once."""
        self._link.start()

    def stop(self) -> None:
        """Disconnect, within a few seconds."""
        self._link.stop()

    def publish(self, publication: Publication, session: object) -> int | None:
        """Hand a message over, as `BrokerLink.publish` does, over one session or not at all."""
        return self._link.publish(publication, over=session)

    def probe(self, word: bytes) -> None:
        """Say a word that comes back as `Probe` after all that the broker retains."""
        self._link.publish(Publication(topics.PROBE, word, topics.PROBE_DELIVERY.qos, topics.PROBE_DELIVERY.retain))

    def ask_again(self) -> None:
        """Have the broker send again all that it retains of what is subscribed to."""
        self._link.subscribe()

    def _again(self) -> bool:
        """Tell whether to connect again: a leader whose database does not answer would else push out its successor."""
        self.ended = not self._may_go_on()
        return not self.ended

    def _receive_mark(self, message: Message) -> None:
        if message.retained:  # else it is our own word, coming back
            self._inbox.put(payloads.decode_high_water_mark(message.payload))

    def _receive_dropped(self, message: Message) -> None:
        self._inbox.put(Dropped(payloads.decode_count(message.payload)))

    def _receive_presence(self, message: Message) -> None:
        device_id = topics.parse_presence(message.topic)
        if device_id is None:
            self._other_bridges.add(message.topic)
            self._on_ignored("other bridge")
            return
        up = payloads.decode_up(message.payload)
        # A retained `0` says nothing that the roll call does not, and may be stale: a lamp that was provisioned since
        # then has its state on another topic.
        if up or not message.retained:
            self._inbox.put_patiently(Presence(device_id, up))


def _state(payload: bytes) -> Publication:
    return Publication(topics.STATE, payload, topics.STATE_DELIVERY.qos, topics.STATE_DELIVERY.retain)
