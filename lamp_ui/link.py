"""The link to the lamp's broker: from bytes on the network's thread to events."""

from collections.abc import Callable

from lamp_ui.config import Config
from lamp_ui.events import AssociationChanged, BridgeChanged, Event, LinkChanged
from shared import topics
from shared.messages import Message, Publication, Subscription
from shared.mqtt import BrokerLink
from shared.payloads import CLEARED, DOWN, UP, decode_association, decode_up

CLIENT_NAME = "lamp_ui"


class LampLink:
    """Hears what concerns this lamp's screen, and tells the others whether the screen is there.

    ``deliver`` is called on the network's thread and must return at once.
    """

    def __init__(self, config: Config, deliver: Callable[[Event], None]) -> None:
        self._deliver = deliver
        state_topic = topics.connection(config.topic_prefix, CLIENT_NAME)
        self._broker = BrokerLink(
            config.broker,
            f"{CLIENT_NAME}-{config.device_id}",
            subscriptions=(
                Subscription(topics.associated(config.topic_prefix), 2, self._association_said),
                Subscription(topics.presence(config.device_id), 1, self._presence_said),
            ),
            will=Publication(state_topic, DOWN, qos=2, retain=True),
            birth=Publication(state_topic, UP, qos=2, retain=True),
            on_connection=self._link_changed,
        )

    def start(self) -> None:
        """Connect, now or as soon as the broker can be reached; returns at once."""
        self._broker.start()

    def stop(self) -> None:
        """Say goodbye and hang up, within a few seconds."""
        self._broker.stop()

    def _link_changed(self, up: bool) -> None:
        self._deliver(LinkChanged(up))

    def _association_said(self, message: Message) -> None:
        self._deliver(AssociationChanged(decode_association(message.payload)))

    def _presence_said(self, message: Message) -> None:
        # A cleared state is nobody's word for the bridge any more, and that is as good as down.
        self._deliver(BridgeChanged(message.payload != CLEARED and decode_up(message.payload)))
