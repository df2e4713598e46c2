"""A stock LAMPI's service, written from its observed behaviour.

It receives `set_config`, and publishes the lamp's state, retained, on `changed`. It rounds numbers to two digits, and
ignores a request without `client` or with a number out of range. It says on a topic of its own that it is connected.
"""

import json
import threading
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.waiting import DEADLINE_SECONDS, wait_until

DIGITS = 2
START: dict[str, Any] = {"color": {"h": 1.0, "s": 1.0}, "brightness": 1.0, "on": True, "client": ""}


class LampService:
    """A lamp's service on a broker, with the topics that a LAMPI has behind this prefix.

    Its topics and payloads are spelled here as the LAMPI manual spells them, not taken from ours.
    ``requests`` are the payloads that it accepted.
    """

    def __init__(self, port: int, prefix: str) -> None:
        self.requests: list[dict[str, Any]] = []
        self.lamp: dict[str, Any] = dict(START)
        self._changed = f"{prefix}lamp/changed"
        self._set_config = f"{prefix}lamp/set_config"
        self._state = f"{prefix}lamp/connection/lamp_service/state"
        self._port = port
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._ready = threading.Event()
        self._client.will_set(self._state, b"0", qos=2, retain=True)
        self._client.on_connect = lambda *_: self._greet()
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self._asked(json.loads(message.payload))

    def say(self, **members: Any) -> None:
        """Say what the lamp shows now, as after a change by another client."""
        self.lamp |= members
        self._client.publish(self._changed, json.dumps(self.lamp), qos=1, retain=True)

    def say_again(self) -> None:
        """Wait until the broker has the service back, and say what the lamp shows."""
        wait_until(self._client.is_connected, "the lamp's service to be back")
        self.say()

    def _greet(self) -> None:
        self._client.publish(self._state, b"1", qos=2, retain=True)
        self._client.subscribe(self._set_config, qos=1)

    def _asked(self, request: dict[str, Any]) -> None:
        colour = request.get("color", START["color"])
        numbers = [colour["h"], colour["s"], request.get("brightness", 1.0)]
        if "client" not in request or not all(0 <= number <= 1 for number in numbers):
            return
        self.requests.append(request)
        accepted = {name: value for name, value in request.items() if name in START}
        if "color" in accepted:
            accepted["color"] = {name: round(colour[name], DIGITS) for name in ("h", "s")}
        if "brightness" in accepted:
            accepted["brightness"] = round(accepted["brightness"], DIGITS)
        self.say(**accepted)

    def start(self) -> Self:
        """Start it, and return once it has said what the lamp shows."""
        self._ready.clear()
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._ready.wait(DEADLINE_SECONDS):
            raise AssertionError("the lamp's service found no broker")
        self.say()
        return self

    def stop(self) -> None:
        """End it."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
