"""The composition root of the touchscreen: builds everything, starts it in order, stops it in reverse.

Importing this module imports Kivy, which reads its configuration; `lamp_ui.__main__` prepares that first.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from math import inf, isfinite
from typing import Any

import kivy
from kivy.app import App
from kivy.clock import Clock
from kivy.config import Config as KivyConfig
from paho.mqtt import __version__ as paho_version

from lamp_ui.core.events import Event, RequestLost, StatusAsked
from lamp_ui.core.i18n import load_words
from lamp_ui.core.presenter import Environment, Presenter
from lamp_ui.core.status_page import About
from lamp_ui.core.view_state import ViewState
from lamp_ui.platform.hardware import Hardware, LampHardware
from lamp_ui.platform.host_info import read_machine
from lamp_ui.platform.kivy_config import set_for_lamp
from lamp_ui.platform.mqtt_link import LampLink
from lamp_ui.platform.signals import EndSignals
from lamp_ui.settings import Config, WindowSize
from shared import __version__
from shared.protocol.payloads import LampConfig
from shared.protocol.reset import ResetRequest

log = logging.getLogger(__name__)

FLOOD_PAUSE_SECONDS = 0.04


class NoDisplay(Exception):
    """No window can be opened."""


class EventCrossing:
    """Passes events from other threads to Kivy's thread; no other code touches both.

    However many events arrive between two frames, the screen is updated once: ``render`` gets the view state, ``send``
    a request to the lamp, and ``ask_reset`` one to the cloud; ``withdraw`` is called when a request to the lamp was
    given up. A single message is shown at once; a flood of messages is limited to the screen's frame rate; touches are
    never delayed.
    """

    def __init__(
        self,
        presenter: Presenter,
        render: Callable[[ViewState], None],
        send: Callable[[LampConfig], bool],
        withdraw: Callable[[], None],
        ask_reset: Callable[[ResetRequest], None],
    ) -> None:
        self._presenter = presenter
        self._render = render
        self._send = send
        self._withdraw = withdraw
        self._ask_reset = ask_reset
        self._events: deque[Event] = deque()
        self._cross_soon = Clock.create_trigger(self._cross)
        self._cross_later = Clock.create_trigger(self._cross, FLOOD_PAUSE_SECONDS)
        self._crossed_at = -inf
        self._alarm: Any = None

    def deliver(self, event: Event) -> None:
        """Pass a network event to Kivy's thread; thread-safe."""
        # In this order: the trigger is reset before `_cross` reads the queue, so no event is left behind.
        self._events.append(event)
        if time.monotonic() - self._crossed_at < FLOOD_PAUSE_SECONDS:
            self._cross_later()
        else:
            self._cross_soon()

    def deliver_touch(self, event: Event) -> None:
        """Pass a touch event on, to be processed before the next frame."""
        self._events.append(event)
        self._cross_soon()

    def refresh(self) -> None:
        """Update the screen soon, without an event."""
        self._cross_soon()

    def _cross(self, _seconds: float) -> None:
        now = self._crossed_at = time.monotonic()
        # Only the events queued by now: frames must be drawn even if events arrive faster than this loop runs.
        for _ in range(len(self._events)):
            self._presenter.receive(self._events.popleft(), now)
        request = self._presenter.take_request(now)
        if request is not None and not self._send(request):
            self._presenter.receive(RequestLost(), now)
        if (reset := self._presenter.take_reset_request(now)) is not None:
            self._ask_reset(reset)
        state = self._presenter.view_state(now)
        if self._presenter.take_withdrawal():
            self._withdraw()
        self._render(state)
        self._set_alarm(self._presenter.next_at(now) - now)

    def _set_alarm(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if isfinite(seconds):
            # Kivy runs an event up to this much early; with nothing due yet, it would be scheduled again at once.
            early = Clock.get_resolution()
            self._alarm = Clock.schedule_once(self._cross, max(0.0, seconds) + early)


class Touchscreen(App):
    """The touchscreen's Kivy application.

    Raises:
        NoDisplay: no window can be opened; raised by the constructor.
    """

    title = "LAMPI"

    def __init__(
        self,
        config: Config,
        end_signals: EndSignals,
        hardware: Hardware | None = None,
    ) -> None:
        super().__init__(kv_file="")
        set_for_lamp(KivyConfig, panel=config.window_size is None)
        if config.window_size is not None:
            _fix_window(config.window_size)
        # Kivy creates its window at the import of the first widget's module, in the size configured by then.
        from kivy.core.window import Window  # noqa: PLC0415

        if Window is None:
            raise NoDisplay
        from lamp_ui.view.root import LampView  # noqa: PLC0415

        self._hardware: Hardware = LampHardware() if hardware is None else hardware
        environment = Environment(_about(config), load_words(config.language), read_machine, config.dim_after_seconds)
        now = time.monotonic()
        presenter = Presenter(environment, now)
        self._crossing = EventCrossing(presenter, self._render, self._send, self._withdraw, self._ask_reset)
        self._link = LampLink(config, self._crossing.deliver)
        self._view = LampView(self._crossing.deliver_touch, motion=config.motion, veil=not self._hardware.dims)
        self._view.render(presenter.view_state(now))
        self._dimmed = False
        self._end_signals = end_signals

    def build(self) -> Any:
        """Return the root widget."""
        return self._view

    def on_start(self) -> None:
        """Start the network after the first frame is visible: the lamp works without a network."""
        self.root_window.bind(on_flip=self._first_frame_drawn)

    def open_settings(self, *_: object) -> None:
        """Disable Kivy's settings panel, which F1 would open."""

    def run_until_ended(self) -> None:
        """Run until a signal or the window's closing ends it; then disconnect from the broker."""
        self._end_signals.on_signal(Clock.create_trigger(self.stop))
        try:
            self.run()
        finally:
            self._link.stop()
            self._hardware.stop()
            log.info("Touchscreen stopped")

    def _first_frame_drawn(self, window: Any) -> None:
        window.unbind(on_flip=self._first_frame_drawn)
        # Kivy reports a flip before it flips. What is scheduled now runs afterwards, when the frame is visible.
        Clock.schedule_once(self._begin)

    def _begin(self, _seconds: float) -> None:
        self._hardware.start(lambda: self._crossing.deliver_touch(StatusAsked()))
        self._link.start()
        self._crossing.refresh()

    def _send(self, config: LampConfig) -> bool:
        return self._link.request(config)

    def _ask_reset(self, request: ResetRequest) -> None:
        self._link.ask_reset(request)

    def _withdraw(self) -> None:
        self._link.withdraw()

    def _render(self, state: ViewState) -> None:
        self._view.render(state)
        if state.dimmed is not self._dimmed:
            self._dimmed = state.dimmed
            self._hardware.set_dimmed(state.dimmed)


def _about(config: Config) -> About:
    versions = (f"LAMPI {__version__}", f"Kivy {kivy.__version__}, paho {paho_version}")
    return About(config.device_id, versions, f"{config.broker.host}:{config.broker.port}")


def _fix_window(size: WindowSize) -> None:
    # In memory only: config.ini belongs to the Pi.
    KivyConfig.set("graphics", "fullscreen", "0")
    KivyConfig.set("graphics", "width", str(size.width))
    KivyConfig.set("graphics", "height", str(size.height))
    KivyConfig.set("graphics", "resizable", "0")
    # Otherwise the right mouse button leaves a red dot that simulates a second finger.
    KivyConfig.set("input", "mouse", "mouse,disable_multitouch")
