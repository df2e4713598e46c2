"""Simulated lamps: each connects like a lamp's bridge and follows its association state like a lamp's screen."""

from collections.abc import Callable

from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Publication, Subscription
from shared.protocol import payloads, topics
from shared.protocol.codes import grouped
from shared.protocol.payloads import Association, Unassociated

_POPUP_WIDTH = 30


class SimulatedLamp:
    """One lamp on the cloud's broker; ``show`` is called with each association state, on paho's thread."""

    def __init__(self, device_id: str, broker: BrokerUrl, show: Callable[[str, Association | None], None]) -> None:
        self.device_id = device_id
        self._show = show
        presence = topics.provisioned_presence(device_id)
        self._link = MqttClient(
            broker,
            device_id,
            subscriptions=[Subscription(topics.associated(topics.lamp_prefix(device_id)), 2, self._receive)],
            will=Publication(presence, payloads.DOWN, qos=1, retain=True),
            birth=Publication(presence, payloads.UP, qos=1, retain=True),
        )

    def start(self) -> None:
        """Connect and publish that the bridge is up."""
        self._link.start()

    def stop(self) -> None:
        """Publish that the bridge is down and disconnect."""
        self._link.stop()

    def _receive(self, message: Message) -> None:
        self._show(self.device_id, payloads.decode_association(message.payload))


def popup(device_id: str, association: Association | None) -> str:
    """Return a lamp's screen as text."""
    if isinstance(association, Unassociated):
        code = grouped(association.code[: association.short_code_length])
        lines = ["Associate your Lamp", "", code, "", "Enter this code on the web", "to claim this lamp."]
    elif association is None:
        lines = ["Waiting for the cloud"]
    else:
        lines = ["This lamp is associated."]
    body = "\n".join(f"│{line:^{_POPUP_WIDTH}}│" for line in lines)
    bar = "─" * _POPUP_WIDTH
    return f"╭{f' {device_id} ':─^{_POPUP_WIDTH}}╮\n{body}\n╰{bar}╯"


def one_line(device_id: str, association: Association | None) -> str:
    """Return a lamp's state in one line, for several lamps."""
    if isinstance(association, Unassociated):
        return f"{device_id}  {grouped(association.code[: association.short_code_length])}"
    return f"{device_id}  {'associated' if association else 'waiting for the cloud'}"
