"""The touchscreen's connection to the lamp's broker: decodes messages to events, and sends requests."""

from collections.abc import Callable
from queue import SimpleQueue

from lamp_ui.core.events import AssociationChanged, BridgeChanged, Event, LampChanged, LinkChanged, LinkTroubled
from lamp_ui.core.lamp_control import CLIENT_NAME
from lamp_ui.settings import Config
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Publication, Subscription
from shared.protocol import topics
from shared.protocol.errors import BadMember
from shared.protocol.payloads import CLEARED, DOWN, UP, LampConfig, decode_association, decode_lamp_config, decode_up
from shared.protocol.reset import ResetRequest


class LampLink:
    """Subscribes to the lamp's topics, and publishes whether the screen is connected.

    ``deliver`` is called on the network's thread and must return at once.
    """

    def __init__(self, config: Config, deliver: Callable[[Event], None]) -> None:
        self._deliver = deliver
        self._set_config_topic = topics.set_config(config.topic_prefix)
        self._reset_topic = topics.reset(config.topic_prefix)
        self._provisioned_topic = topics.provisioned_presence(config.device_id)
        self._bridge_states: dict[str, bool] = {}
        self._session: object | None = None
        self._unconfirmed: set[int] = set()
        self._confirmed: SimpleQueue[int] = SimpleQueue()
        bridge_topics = topics.presence_topics(config.device_id, config.bridge_names)
        state_topic = topics.connection(config.topic_prefix, CLIENT_NAME)
        self._broker = MqttClient(
            config.broker,
            f"{CLIENT_NAME}-{config.device_id}",
            subscriptions=(
                Subscription(topics.associated(config.topic_prefix), 2, self._receive_association),
                Subscription(topics.changed(config.topic_prefix), 1, self._receive_report),
                *(Subscription(topic, 1, self._receive_presence) for topic in bridge_topics),
            ),
            will=Publication(state_topic, DOWN, qos=2, retain=True),
            birth=Publication(state_topic, UP, qos=2, retain=True),
            on_connection=self._change_link,
            on_confirmed=self._confirmed.put,
            on_trouble=lambda trouble: deliver(LinkTroubled(trouble)),
        )

    def start(self) -> None:
        """Connect in the background, retrying until the broker is reachable."""
        self._broker.start()

    def stop(self) -> None:
        """Publish that the screen is disconnected, and disconnect within a few seconds."""
        self._broker.stop()

    def request(self, config: LampConfig) -> bool:
        """Send a request to the lamp without waiting; return False if there is no connection."""
        session = self._broker.session
        if session is not self._session:
            self._session, self._unconfirmed = session, set()
        how = topics.SET_CONFIG
        message = Publication(self._set_config_topic, config.encode(), how.qos, how.retain)
        number = None if session is None else self._broker.publish(message, session)
        if number is None:
            return False
        self._unconfirmed.add(number)
        self._forget_confirmed()
        return True

    def ask_reset(self, request: ResetRequest) -> None:
        """Ask the cloud for a reset, if there is a connection; lost requests are repeated."""
        session, how = self._broker.session, topics.RESET
        if session is not None:
            self._broker.publish(Publication(self._reset_topic, request.encode(), how.qos, how.retain), session)

    def withdraw(self) -> None:
        """Revoke the requests that the broker has not confirmed, by closing the connection."""
        self._forget_confirmed()
        if self._unconfirmed and self._session is not None:
            self._broker.cut(self._session)

    def _forget_confirmed(self) -> None:
        while not self._confirmed.empty():
            self._unconfirmed.discard(self._confirmed.get())

    def _change_link(self, up: bool) -> None:
        self._bridge_states.clear()
        self._deliver(LinkChanged(up))

    def _receive_association(self, message: Message) -> None:
        bad: list[BadMember] = []
        self._deliver(AssociationChanged(decode_association(message.payload, bad.append)))
        _raise_first(bad)

    def _receive_report(self, message: Message) -> None:
        # A cleared message says nothing about the lamp.
        if message.payload != CLEARED:
            bad: list[BadMember] = []
            self._deliver(LampChanged(decode_lamp_config(message.payload, bad.append)))
            _raise_first(bad)

    def _receive_presence(self, message: Message) -> None:
        # A bridge uses one of these topics. A stale state on another one must not hide that it is connected.
        if message.payload == CLEARED:
            self._bridge_states.pop(message.topic, None)
        else:
            self._bridge_states[message.topic] = decode_up(message.payload)
        states = self._bridge_states.values()
        provisioned = self._bridge_states.get(self._provisioned_topic, False)
        self._deliver(BridgeChanged(any(states) if states else None, provisioned))


def _raise_first(bad: list[BadMember]) -> None:
    if bad:
        raise bad[0]  # for the router to log
