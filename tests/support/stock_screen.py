"""A stock LAMPI's touchscreen, written from its observed behaviour.

It hears `associated` on paho's thread and parses every payload as JSON there: one that it can't read ends the thread,
and the screen, which still runs, never hears anything again. It takes over what a payload says only where `associated`
differs from what it took over before, so it ignores a new code while it waits to be claimed. Kivy's thread looks ten
times a second whether that has changed since the last look, and then opens or closes a Kivy popup.
"""

import json
import threading
import time
from types import TracebackType
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.waiting import DEADLINE_SECONDS, wait_until

SHOWN_CHARACTERS = 6
POLL_SECONDS = 0.1
FADE_SECONDS = 0.12
"""How long a Kivy popup takes to open and to close: a tenth of a second and a frame. It ignores `open()` while it
closes, so a popup that is closed at one poll and opened at the next stays away."""

UNTIL_SETTLED_SECONDS = 4 * POLL_SECONDS
"""After this without a payload, no poll changes anything: it has seen the change, and the popup has opened or closed.
"""


class StockScreen:
    """What a stock screen shows, as a function of payloads and time; times are seconds of any clock that ascends."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        """Every code that it has shown, in this order."""
        self.crashed = False
        """It ran into an exception on Kivy's thread, and a supervisor starts it again."""
        self._associated = True
        self._code: str | None = None
        self._seen = True
        self._open = False
        self._text = ""
        self._opened_at: float | None = None
        self._closed_at: float | None = None

    @property
    def popup(self) -> str | None:
        """The code in the popup, empty while it still opens for the first time; None without a popup."""
        return self._text if self._open and self._closed_at is None else None

    @property
    def opens(self) -> bool:
        """Whether its popup is opening: until it is open, it has the text of the last time."""
        return self._opened_at is not None

    def receive(self, payload: bytes) -> None:
        """Take in a payload, on paho's thread.

        Raises:
            Exception: whatever comes of a payload that is not what it expects; it ends the thread.
        """
        said = json.loads(payload.decode())
        if said["associated"] != self._associated:
            self._code = None if said["associated"] else said["code"]
            self._associated = said["associated"]

    def poll(self, now: float) -> None:
        """Do what Kivy's thread does at a moment: finish what fades, and look for a change."""
        self._fade(now)
        if self._associated != self._seen:
            self._seen = self._associated
            if not self._associated:
                self._show(now)
            elif self._open:
                self._closed_at = now + FADE_SECONDS

    def _show(self, now: float) -> None:
        if not self._open:
            self._open, self._opened_at = True, now + FADE_SECONDS

    def _fade(self, now: float) -> None:
        if self._opened_at is not None and now >= self._opened_at:
            self._opened_at = None
            if self._code is None:  # claimed while the popup was opening: the stock screen cuts six characters off None
                self.crashed = True
            else:
                self._text = self._code[:SHOWN_CHARACTERS]
                self.codes.append(self._text)
        if self._closed_at is not None and now >= self._closed_at:
            self._open, self._closed_at = False, None


class SelfPolled:
    """A stock screen whose polls are made up for when it is asked: thousands of them cost hardly anything.

    Its supervisor starts it again at once, and it then hears what its lamp's broker retains.
    """

    def __init__(self, phase: float = 0.0) -> None:
        """``phase`` says when within each tenth of a second it polls."""
        self.deafened_by: bytes | None = None
        self.crashes = 0
        self._screen = StockScreen()
        self._next_poll = phase
        self._settled_at = 0.0
        self._retained = b""

    def receive(self, payload: bytes, now: float) -> None:
        """Hear a payload at a moment, unless it is deaf."""
        self._catch_up(now)
        self._retained = payload
        self._hear(payload, now)

    def popup(self, now: float) -> str | None:
        """Return the code that is shown at a moment, or None."""
        self._catch_up(now)
        return self._screen.popup

    def restart(self, now: float) -> None:
        """Switch the lamp off and on: its broker keeps what it retained, the screen nothing."""
        self._catch_up(now)
        self._start_over(now)

    def _start_over(self, now: float) -> None:
        self._screen = StockScreen()
        self.deafened_by = None
        self._settled_at = now
        if self._retained:
            self._hear(self._retained, now)

    def _hear(self, payload: bytes, now: float) -> None:
        self._settled_at = now + UNTIL_SETTLED_SECONDS
        if self.deafened_by is not None:
            return
        try:
            self._screen.receive(payload)
        except Exception:
            self.deafened_by = payload

    def _catch_up(self, now: float) -> None:
        while self._next_poll <= min(now, self._settled_at):
            self._screen.poll(self._next_poll)
            if self._screen.crashed:
                self.crashes += 1
                self._start_over(self._next_poll)
            self._next_poll += POLL_SECONDS
        if self._next_poll <= now:
            self._next_poll += POLL_SECONDS * (1 + (now - self._next_poll) // POLL_SECONDS)


class StockTouchscreen:
    """A stock screen that runs: a paho client on its lamp's broker, and its polls ten times a second.

    Its topics are spelled here as the LAMPI manual spells them, not taken from ours. ``prefix`` is empty behind a
    stock bridge.
    """

    def __init__(self, port: int, prefix: str = "") -> None:
        self.fault: Exception | None = None
        """What ended paho's thread."""
        self.crashes = 0
        self._port = port
        self._associated = f"{prefix}lamp/associated"
        self._state = f"{prefix}lamp/connection/lamp_ui/state"
        self._screen = StockScreen()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._heard = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def popup(self) -> str | None:
        """The code in the popup; None without a popup."""
        return self._screen.popup

    @property
    def codes(self) -> list[str]:
        """Every code that it has shown since it was started, in this order."""
        return list(self._screen.codes)

    @property
    def deaf(self) -> bool:
        """Whether paho's thread has ended: it hears nothing until it is started again."""
        return self.fault is not None

    def start(self, *, wait: bool = True) -> Self:
        """Start it, as its supervisor does, and ``wait`` until the broker has its subscription."""
        self._stopping = threading.Event()
        subscribed = self._listen()
        polling = threading.Thread(target=self._keep_polling, daemon=True)
        self._threads.append(polling)
        polling.start()
        if wait and not subscribed.wait(DEADLINE_SECONDS):
            raise AssertionError("the stock screen found no broker")
        return self

    def stop(self) -> None:
        """Switch it off."""
        self._stopping.set()
        self._client.disconnect()
        for thread in self._threads:
            thread.join(DEADLINE_SECONDS)
        self._threads.clear()

    def restart(self) -> None:
        """Switch it off and on again, which makes a deaf one hear."""
        self.stop()
        self.start()

    def wait_for_code(self, code: str | None = None) -> str:
        """Return the code in the popup once there is one; or once it is the one that is given."""

        def look() -> str | None:
            return self.popup if not self._screen.opens and (code is None or self.popup == code) else None

        try:
            return wait_until(look, f"the stock screen to show {'a code' if code is None else 'another code'}") or ""
        except AssertionError as late:
            raise AssertionError(f"{late}; {self._story()}") from None

    def wait_until_closed(self) -> None:
        """Wait until it shows no popup."""
        try:
            wait_until(lambda: self.popup is None, "the stock screen to close its popup")
        except AssertionError as late:
            raise AssertionError(f"{late}; {self._story()}") from None

    def _story(self) -> str:
        shown = "no popup" if self.popup is None else "a code"
        return f"it shows {shown}, after {len(self.codes)} codes{f', and is deaf: {self.fault!r}' if self.deaf else ''}"

    def _listen(self) -> threading.Event:
        """Start over with a new screen and a new connection; the event says when it is subscribed."""
        self.fault = None
        self._screen = screen = StockScreen()
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2)
        subscribed = threading.Event()
        client.will_set(self._state, b"0", 2, retain=True)
        client.on_connect = lambda *_: self._greet(client)
        client.on_subscribe = lambda *_: subscribed.set()
        client.message_callback_add(self._associated, lambda _c, _u, message: screen.receive(bytes(message.payload)))
        client.connect_async("127.0.0.1", self._port)
        thread = threading.Thread(target=self._run_client, args=(client,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return subscribed

    def _greet(self, client: paho.Client) -> None:
        client.publish(self._state, b"1", 2, retain=True)
        client.subscribe(self._associated, 2)

    def _run_client(self, client: paho.Client) -> None:
        """Be paho's thread: an exception in a callback ends it."""
        try:
            client.loop_forever(retry_first_connection=True)
        except Exception as fault:
            self.fault = fault

    def _keep_polling(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            self._screen.poll(time.monotonic())
            if self._screen.crashed:
                self.crashes += 1
                self._client.disconnect()
                self._listen()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
