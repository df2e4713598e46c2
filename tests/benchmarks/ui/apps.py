"""The programs that are measured; each says on standard output what it drew, and when (the system's monotonic clock).

    python -m tests.benchmarks.ui.apps ours|poll|empty

``poll`` is a baseline: paho's callback puts them aside, and Kivy looks ten times a
second. ``empty`` is a window and a connection, and nothing else: what Kivy and paho need by themselves.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

POLLS_A_SECOND = 10


def say(what: str) -> None:
    """Write a line with the time, at once."""
    sys.stdout.write(f"{time.monotonic():.6f} {what}\n")
    sys.stdout.flush()


def run_ours() -> None:
    """Run lampi-ui, and after each frame say which code it drew."""
    from lamp_ui import __main__ as program  # noqa: PLC0415

    original = program._prepare_kivy

    def prepare_kivy(config: Any) -> None:
        original(config)
        from lamp_ui.view.app import Touchscreen  # noqa: PLC0415

        start = Touchscreen.on_start

        def on_start(app: Any) -> None:
            start(app)
            watch_frames(app.root_window, lambda: "".join(app._view._popup._code.groups))

        Touchscreen.on_start = on_start  # type: ignore[method-assign,assignment]

    program._prepare_kivy = prepare_kivy
    program.main(["--dim-after", "0", "--log-level", "WARNING"])


def watch_frames(window: Any, code: Callable[[], str]) -> None:
    """Say the first frame, and each that shows another code, once it has been given to the window.

    Kivy's own event, on_flip, comes before that.
    """
    flip, last = window.flip, None

    def flip_and_say() -> None:
        nonlocal last
        flip()
        now = code()
        if now != last:
            say(f"drew {now or '-'}")
            last = now

    window.flip = flip_and_say


def run_plain(polls: bool) -> None:
    """Run a minimal Kivy app with paho."""
    os.environ["KIVY_NO_ARGS"] = "1"
    os.environ["KIVY_LOG_MODE"] = "PYTHON"
    import json  # noqa: PLC0415
    from collections import deque  # noqa: PLC0415

    import paho.mqtt.client as paho  # noqa: PLC0415
    from kivy.app import App  # noqa: PLC0415
    from kivy.clock import Clock  # noqa: PLC0415
    from kivy.config import Config  # noqa: PLC0415
    from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

    from shared.protocol import topics  # noqa: PLC0415

    width, height = os.environ["LAMPI_SIZE"].split("x")
    Config.set("graphics", "width", width)
    Config.set("graphics", "height", height)
    from kivy.uix.label import Label  # noqa: PLC0415

    messages: deque[bytes] = deque()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    topic = topics.associated(topics.lamp_prefix(os.environ["LAMPI_DEVICE_ID"]))
    client.on_connect = lambda client, *_: client.subscribe(topic, 2)
    client.on_message = lambda _c, _u, message: messages.append(bytes(message.payload))

    class Plain(App):  # type: ignore[misc]
        def build(self) -> Any:
            self.label = Label(text="" if polls else "lamp")
            if polls:
                Clock.schedule_interval(self.poll, 1 / POLLS_A_SECOND)
            return self.label

        def on_start(self) -> None:
            watch_frames(self.root_window, lambda: self.label.text if polls else "")
            client.connect("127.0.0.1", int(os.environ["LAMPI_BROKER_URL"].rpartition(":")[2]))
            client.loop_start()

        def poll(self, _seconds: float) -> None:
            while messages:
                self.label.text = json.loads(messages.popleft())["code"][:6]

    Plain().run()


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        run_ours()
    else:
        run_plain(polls=sys.argv[1] == "poll")
