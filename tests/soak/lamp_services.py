"""What lamps do besides showing what they hear: their services answer requests, and their users ask for resets."""

import json
import random
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shared.mqtt.broker_url import BrokerUrl
from shared.protocol import payloads, topics
from shared.protocol.payloads import Associated, LampConfig
from shared.protocol.reset import Reset, ResetRequest, ResetStage
from tests.soak.state_ledger import STEPS, Heard

EVERY_SET_CONFIG = topics.set_config(topics.lamp_prefix("+"))
DIGITS = 2
"""To which a lamp's service rounds."""

_CODE = re.compile(rb'"code": "([0-9a-f]{32})"')
_PRESENT_SECONDS = (1.0, 6.0)
_AWAY_SECONDS = (0.5, 25.0)
"""Up to twice as long as a request lives."""

Publish = Callable[[str, bytes, int, bool], None]


class LampServices:
    """The services of all lamps; ``publish`` takes a topic, a payload, its QoS and whether to retain it."""

    def __init__(self, publish: Publish, is_up: Callable[[str], bool]) -> None:
        self.confirmed: dict[str, set[str]] = {}
        self.answered_at: dict[str, float] = {}
        self.heard: deque[Heard] = deque()
        self.requested: set[str] = set()
        """Lamps for which a state was requested: their codes count."""
        self.counts: Counter[str] = Counter()
        self._publish = publish
        self._is_up = is_up
        self._answers: dict[str, Reset] = {}
        self._last_tickets: dict[str, str] = {}
        self._confirming: set[str] = set()

    def is_asking(self, device_id: str) -> bool:
        """Tell whether a lamp waits for the next stage of its reset."""
        return device_id in self._confirming

    def stage(self, device_id: str) -> ResetStage | None:
        """Return the stage of a lamp's reset, as the lamp heard it."""
        answer = self._answers.get(device_id)
        return None if answer is None else answer.stage

    def ask_for_reset(self, device_id: str) -> None:
        """Have a lamp do what its user's next touch does: ask for an offer, or confirm the one that it has."""
        answer = self._answers.get(device_id)
        self._confirming.add(device_id)
        if answer is not None and answer.ticket is not None:
            self._confirm(device_id, answer.ticket)
        else:
            self._publish_reset(device_id, None)

    def replay(self, device_id: str) -> None:
        """Have a lamp confirm the last offer that it heard, of whichever owner that was."""
        ticket = self._last_tickets.get(device_id)
        if ticket is not None:
            self._confirm(device_id, ticket)

    def rest(self, device_id: str) -> None:
        """Have a lamp confirm nothing more by itself."""
        self._confirming.discard(device_id)

    def receive_association(self, device_id: str, payload: bytes) -> None:
        """Take a lamp's message: whether it is associated."""
        if b'"reset"' in payload:
            said = payloads.decode_association(payload)
            answer = said.reset if isinstance(said, Associated) else None
            if answer is not None:
                self._answers[device_id] = answer
                if answer.ticket is not None:
                    self._last_tickets[device_id] = answer.ticket
                    if device_id in self._confirming:
                        self._confirm(device_id, answer.ticket)
        else:
            self._answers.pop(device_id, None)
        if device_id in self.requested and (found := _CODE.search(payload)):
            self.heard.append(Heard(device_id, time.time(), code=found[1].decode()))

    def receive_request(self, topic: str, payload: bytes) -> None:
        """Take a request for a state, and do it if the lamp is up."""
        heard = _heard(topic, payload)
        self.heard.append(heard)
        if not self._is_up(heard.device_id):
            return
        wanted = payloads.decode_lamp_config(payload)
        shown = LampConfig(wanted.color, round(wanted.brightness or 0.0, DIGITS), wanted.on, wanted.client)
        self.answered_at[heard.device_id] = time.time()
        self._publish(topics.changed(topics.lamp_prefix(heard.device_id)), shown.encode(), 1, True)

    def _confirm(self, device_id: str, ticket: str) -> None:
        self.confirmed.setdefault(device_id, set()).add(ticket)
        self._publish_reset(device_id, ticket)

    def _publish_reset(self, device_id: str, ticket: str | None) -> None:
        self.counts["published to ask" if ticket is None else "published to confirm"] += 1
        how = topics.RESET
        topic = topics.reset(topics.lamp_prefix(device_id))
        self._publish(topic, ResetRequest(ticket).encode(), how.qos, how.retain)


class ComingAndGoing:
    """A bridge's connection that is lost every few seconds, for which the broker queues what lamps are asked."""

    def __init__(self, broker: BrokerUrl, heard: deque[Heard]) -> None:
        self._broker = broker
        self._dice = random.Random(broker.port)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._come_and_go, daemon=True)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="soak-bridge", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(EVERY_SET_CONFIG, 1)
        self._client.on_message = lambda _c, _u, said: heard.append(
            _heard(said.topic, bytes(said.payload), by_bridge=True)
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _come_and_go(self) -> None:
        while not self._stopping.is_set():
            self._client.connect_async(self._broker.host, self._broker.port, keepalive=20)
            self._client.loop_start()
            self._stopping.wait(self._dice.uniform(*_PRESENT_SECONDS))
            self._client.disconnect()
            self._client.loop_stop()
            self._stopping.wait(self._dice.uniform(*_AWAY_SECONDS))


def _heard(topic: str, payload: bytes, *, by_bridge: bool = False) -> Heard:
    device_id = topics.parse_subtree(topic)
    brightness = json.loads(payload).get("brightness", 0.0)
    return Heard(str(device_id), time.time(), number=round(brightness * STEPS), by_bridge=by_bridge)
