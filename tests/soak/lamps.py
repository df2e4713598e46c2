"""Simulated lamps: thousands over one connection, and a few that each connect as a bridge does."""

import threading
import time
from collections.abc import Callable, Iterable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud.devtools.simulator import SimulatedLamp
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol import payloads, topics
from shared.protocol.payloads import Association
from tests.soak.model import ModelLamp

EVERY_ASSOCIATED = topics.associated(topics.lamp_prefix("+"))


class LampPool:
    """Many lamps on one connection; when it is made again, each publishes its state again, as bridges do."""

    def __init__(self, broker: BrokerUrl) -> None:
        self.connected = False
        self.heard_messages = 0
        self._when_heard: Callable[[str], bool] | None = None
        self._screens: dict[str, bytes] = {}
        self._up: dict[str, ModelLamp] = {}
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
                self._say(lamp)

    def go_down(self, lamps: Iterable[ModelLamp]) -> None:
        with self._lock:
            for lamp in lamps:
                lamp.up = False
                self._up.pop(lamp.device_id, None)
                self._publish(lamp, payloads.DOWN)

    def _say(self, lamp: ModelLamp) -> None:
        self._publish(lamp, payloads.UP)
        lamp.announced_at = time.monotonic()

    def _publish(self, lamp: ModelLamp, payload: bytes) -> None:
        if self._client.is_connected():  # else the next connection says it
            self._client.publish(topics.presence(lamp.device_id), payload, 0, retain=True)

    def _on_connect(self, client: paho.Client, _userdata: object, *_: object) -> None:
        with self._lock:
            self._screens = {}
            client.subscribe(EVERY_ASSOCIATED, 0)
            for lamp in self._up.values():
                self._say(lamp)
            self.connected = True

    def _on_disconnect(self, *_: object) -> None:
        self.connected = False

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        self.heard_messages += 1
        device_id = message.topic[8:20]
        self._screens[device_id] = bytes(message.payload)
        act = self._when_heard
        if act is not None and act(device_id):
            self._when_heard = None


class RealLamps:
    """A few lamps that each connect by themselves, with a will, through a network that may fail."""

    def __init__(self, broker: BrokerUrl) -> None:
        self._broker = broker
        self._screens: dict[str, Association | None] = {}
        self._lamps: dict[str, SimulatedLamp] = {}

    def come_up(self, lamp: ModelLamp) -> None:
        # Before it starts: it may say that it is up at any moment from now on, and again at each new connection.
        lamp.up = lamp.up_since_settling = True
        self._lamps[lamp.device_id] = SimulatedLamp(lamp.device_id, self._broker, self._screens.__setitem__)
        lamp.announced_at = time.monotonic()
        self._lamps[lamp.device_id].start()

    def go_down(self, lamp: ModelLamp) -> None:
        lamp.up = False
        self._lamps.pop(lamp.device_id).stop()

    def stop(self) -> None:
        for lamp in self._lamps.values():
            lamp.stop()

    def show(self, device_id: str) -> bytes:
        association = self._screens.get(device_id)
        return payloads.CLEARED if association is None else association.encode()
