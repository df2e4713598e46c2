"""Simulated lamps: thousands over one connection, and a few that each connect as a bridge does."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud.devtools.simulator import SimulatedLamp
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Publication, Subscription
from shared.protocol import payloads, topics
from shared.protocol.payloads import Association
from tests.benchmarks.wire import Wire, publish_packet
from tests.soak.facts import EVERY_ASSOCIATED
from tests.soak.lamp_services import EVERY_SET_CONFIG, LampServices
from tests.soak.model import ModelLamp
from tests.soak.stock_screens import StockScreens
from tests.support.stock_screen import StockTouchscreen

FLOOD_MESSAGES = 5000
FLOOD_SECONDS = 30.0
"""Longer than the broker is paused."""


def presence_of(lamp: ModelLamp) -> str:
    """Return the topic on which a lamp's bridge says that it is up: the name of a bridge tells which screen it has."""
    return topics.presence(lamp.device_id) if lamp.stock else topics.provisioned_presence(lamp.device_id)


class LampPool:
    """Many lamps on one connection; when it is made again, each publishes its state again, as bridges do."""

    def __init__(self, broker: BrokerUrl, is_up: Callable[[str], bool]) -> None:
        self.connected = False
        self.heard_messages = 0
        self.stock = StockScreens()
        self.services = LampServices(self._publish_now, is_up)
        self._when_heard: Callable[[str], bool] | None = None
        self._screens: dict[str, bytes] = {}
        self._up: dict[str, ModelLamp] = {}
        self._flooded: dict[str, ModelLamp] = {}
        self._lost: list[ModelLamp] = []
        self._lock = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="soak-lamps")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect_async(broker.host, broker.port, keepalive=20)

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def show(self, device_id: str) -> bytes:
        """Return the payload that a lamp heard last, empty for none."""
        return self._screens.get(device_id, payloads.CLEARED)

    def when_heard(self, act: Callable[[], None], seconds: float, of: Callable[[str], bool] = lambda _: True) -> None:
        """Do something the instant a lamp hears its next message, on the thread that hears it; give up after a time.

        ``of`` tells by the device id whether it is a lamp that counts.
        """
        done = threading.Event()

        def act_once(device_id: str) -> bool:
            if not of(device_id):
                return False
            act()
            done.set()
            return True

        self._when_heard = act_once
        done.wait(seconds)
        self._when_heard = None

    def come_up(self, lamps: Iterable[ModelLamp]) -> None:
        with self._lock:
            for lamp in lamps:
                lamp.up = lamp.up_since_settling = True
                self._up[lamp.device_id] = lamp
                if lamp.stock:
                    self.stock.add(lamp)
                self._connect(lamp)

    def go_down(self, lamps: Iterable[ModelLamp]) -> None:
        """Have lamps go down. Of some stock ones the broker learns only at `notice_losses`."""
        with self._lock:
            for lamp in lamps:
                if lamp.stock:
                    self.stock.cut_off(lamp.device_id)
                if lamp.stock and int(lamp.device_id, 16) % 4 == 0:
                    self._lost.append(lamp)
                else:
                    self._end(lamp)

    def notice_losses(self) -> None:
        """Have the broker notice which lamps are gone: a bridge without a network is given up after a while."""
        with self._lock:
            for lamp in self._lost:
                self._end(lamp)
            self._lost.clear()

    def _connect(self, lamp: ModelLamp) -> None:
        """Have a lamp's bridge connect, if the broker is there; else the next connection does."""
        if lamp.stock and self.connected:
            self.stock.come_back(lamp.device_id)
        self._say(lamp)

    def _end(self, lamp: ModelLamp) -> None:
        lamp.up = False
        self._up.pop(lamp.device_id, None)
        if lamp.stock and not self.connected:  # else its bridge would connect with the broker
            self.stock.disconnect(lamp.device_id)
        self._publish(lamp, payloads.DOWN)

    def flood(self, lamp: ModelLamp, port: int) -> None:
        """Have a lamp toggle its state as fast as the broker takes it, over a connection of its own.

        In the end it is what it was. Meanwhile it may be registered, even one that is down.
        """
        lamp.up_since_settling = True
        self._flooded[lamp.device_id] = lamp
        flaps = [publish_packet(presence_of(lamp), state, retain=True) for state in (b"1", b"0")]
        with (
            self._lock,
            contextlib.suppress(OSError, AssertionError),  # the broker is away: its next connection says it again
            Wire(port, "soak-flood", seconds=FLOOD_SECONDS) as wire,
        ):
            wire.send(b"".join(flaps) * (FLOOD_MESSAGES // 2) + flaps[0 if lamp.up else 1])
            wire.settle()
            return
        self._publish(lamp, payloads.UP if lamp.up else payloads.DOWN)  # the flood broke off at any state

    def _say(self, lamp: ModelLamp) -> None:
        self._publish(lamp, payloads.UP)
        lamp.announced_at = time.monotonic()

    def _publish(self, lamp: ModelLamp, payload: bytes) -> None:
        self._publish_now(presence_of(lamp), payload, 0, True)  # else the next connection says it

    def _publish_now(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        if self._client.is_connected():
            self._client.publish(topic, payload, qos, retain)

    def _on_connect(self, client: paho.Client, _userdata: object, *_: object) -> None:
        with self._lock:
            self._screens = {}
            client.subscribe([(EVERY_ASSOCIATED, 0), (EVERY_SET_CONFIG, 0)])
            self.connected = True
            for lamp in self._up.values():
                self._connect(lamp)
            for lamp in self._flooded.values():  # which may have told a new broker that it is up, and gone down since
                if not lamp.up:
                    self._publish(lamp, payloads.DOWN)

    def _on_disconnect(self, *_: object) -> None:
        self.connected = False
        with self._lock:
            self.stock.lose(self._up)

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        self.heard_messages += 1
        device_id = message.topic[8:20]
        if message.topic.endswith("/set_config"):
            self.services.receive_request(message.topic, bytes(message.payload))
            return
        self._screens[device_id] = bytes(message.payload)
        self.stock.receive(device_id, self._screens[device_id])
        self.services.receive_association(device_id, self._screens[device_id])
        act = self._when_heard
        if act is not None and act(device_id):
            self._when_heard = None


class RealStockLamp:
    """A stock lamp: its bridge, which hears what its screen should, and the screen, which runs."""

    def __init__(self, device_id: str, broker: BrokerUrl, show: Callable[[str, Association | None], None]) -> None:
        presence, associated = topics.presence(device_id), topics.associated(topics.lamp_prefix(device_id))
        self.screen = StockTouchscreen(broker.port, topics.lamp_prefix(device_id))
        self._bridge = MqttClient(
            broker,
            f"{device_id}_broker",
            subscriptions=[
                Subscription(associated, 2, lambda heard: show(device_id, payloads.decode_association(heard.payload)))
            ],
            will=Publication(presence, payloads.DOWN, qos=1, retain=True),
            birth=Publication(presence, payloads.UP, qos=1, retain=True),
        )

    def start(self) -> None:
        self._bridge.start()
        self.screen.start(wait=False)

    def stop(self) -> None:
        self.screen.stop()
        self._bridge.stop()


class RealLamps:
    """A few lamps that each connect by themselves, with a will, through a network that may fail."""

    def __init__(self, broker: BrokerUrl) -> None:
        self._broker = broker
        self._screens: dict[str, Association | None] = {}
        self._lamps: dict[str, SimulatedLamp | RealStockLamp] = {}

    def come_up(self, lamp: ModelLamp) -> None:
        # Before it starts: it may say that it is up at any moment from now on, and again at each new connection.
        lamp.up = lamp.up_since_settling = True
        kind = RealStockLamp if lamp.stock else SimulatedLamp
        self._lamps[lamp.device_id] = kind(lamp.device_id, self._broker, self._screens.__setitem__)
        lamp.announced_at = time.monotonic()
        self._lamps[lamp.device_id].start()

    def go_down(self, lamp: ModelLamp) -> None:
        lamp.up = False
        self._lamps.pop(lamp.device_id).stop()

    def stop(self) -> None:
        for lamp in self._lamps.values():
            lamp.stop()

    @property
    def stock(self) -> dict[str, StockTouchscreen]:
        """The stock screens that run, by device id."""
        return {name: lamp.screen for name, lamp in list(self._lamps.items()) if isinstance(lamp, RealStockLamp)}

    def show(self, device_id: str) -> bytes:
        association = self._screens.get(device_id)
        return payloads.CLEARED if association is None else association.encode()
