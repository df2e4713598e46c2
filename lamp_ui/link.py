"""The link to the lamp's broker: from bytes on the network's thread to events."""

from collections.abc import Callable

from lamp_ui.config import Config
from lamp_ui.events import AssociationChanged, BridgeChanged, Event, LampChanged, LinkChanged, LinkTroubled
from lamp_ui.lamp import CLIENT_NAME
from shared import topics
from shared.messages import Message, Publication, Subscription
from shared.mqtt import BrokerLink
from shared.payloads import CLEARED, DOWN, UP, LampConfig, decode_association, decode_lamp_config, decode_up


class LampLink:
    """Hears what concerns this lamp's screen, and tells the others whether the screen is there.

    ``deliver`` is called on the network's thread and must return at once.
    """

    def __init__(self, config: Config, deliver: Callable[[Event], None]) -> None:
        self._deliver = deliver
        self._set_config_topic = topics.set_config(config.topic_prefix)
        state_topic = topics.connection(config.topic_prefix, CLIENT_NAME)
        self._broker = BrokerLink(
            config.broker,
            f"{CLIENT_NAME}-{config.device_id}",
            subscriptions=(
                Subscription(topics.associated(config.topic_prefix), 2, self._association_said),
                Subscription(topics.changed(config.topic_prefix), 1, self._lamp_said),
                *(Subscription(topic, 1, self._presence_said) for topic in topics.presence_topics(config.device_id)),
            ),
            will=Publication(state_topic, DOWN, qos=2, retain=True),
            birth=Publication(state_topic, UP, qos=2, retain=True),
            on_connection=self._link_changed,
            on_trouble=lambda trouble: deliver(LinkTroubled(trouble)),
        )

    def start(self) -> None:
        """Connect, now or as soon as the broker can be reached; returns at once."""
        self._broker.start()

    def stop(self) -> None:
        """Say goodbye and hang up, within a few seconds."""
        self._broker.stop()

    def ask(self, config: LampConfig) -> bool:
        """Ask the lamp to show something, without waiting; False where nobody could be asked."""
        how = topics.SET_CONFIG
        request = Publication(self._set_config_topic, config.encode(), how.qos, how.retain)
        return self._broker.publish(request) is not None

    def _link_changed(self, up: bool) -> None:
        self._deliver(LinkChanged(up))

    def _association_said(self, message: Message) -> None:
        self._deliver(AssociationChanged(decode_association(message.payload)))

    def _lamp_said(self, message: Message) -> None:
        # A cleared state is no news of the lamp: it goes on showing what it showed.
        if message.payload != CLEARED:
            self._deliver(LampChanged(decode_lamp_config(message.payload)))

    def _presence_said(self, message: Message) -> None:
        # A cleared state is nobody's word for the bridge any more, and that is as good as down.
        self._deliver(BridgeChanged(message.payload != CLEARED and decode_up(message.payload)))
