"""The composition root of the touchscreen: builds everything, starts it in order, stops it in reverse.

Importing this imports Kivy, which reads its configuration; `lamp_ui.__main__` sets the stage first.
"""

import logging
from collections import deque
from typing import Any

from kivy.app import App
from kivy.clock import Clock
from kivy.config import Config as KivyConfig

from lamp_ui.config import Config, WindowSize
from lamp_ui.events import Event
from lamp_ui.link import LampLink
from lamp_ui.presenter import Presenter
from lamp_ui.signals import EndSignals

log = logging.getLogger(__name__)


class EventCrossing:
    """Where events cross from the network's thread to Kivy's: the only place that both touch.

    However many come in between two frames, the screen is brought up to date once.
    """

    def __init__(self, presenter: Presenter, view: Any) -> None:
        self._presenter = presenter
        self._view = view
        self._events: deque[Event] = deque()
        self._cross_soon = Clock.create_trigger(self._cross)

    def deliver(self, event: Event) -> None:
        """Take an event to Kivy's thread, from any thread."""
        # In this order: the trigger is open again before `_cross` looks, so no event is left behind.
        self._events.append(event)
        self._cross_soon()

    def _cross(self, _seconds: float) -> None:
        # Only what is here by now: under a flood that outpaces this loop, frames must still be drawn.
        for _ in range(len(self._events)):
            self._presenter.receive(self._events.popleft())
        self._view.render(self._presenter.view_state)


class Touchscreen(App):
    """The program on the lamp's screen."""

    title = "LAMPI"

    def __init__(self, config: Config, end_signals: EndSignals) -> None:
        super().__init__(kv_file="")
        if config.window_size is not None:
            _fix_window(config.window_size)
        # Kivy makes its window when the first widget's module is imported, in the size it is then told.
        from lamp_ui.views import LampView  # noqa: PLC0415

        presenter = Presenter(config.device_id)
        self._view = LampView()
        self._view.render(presenter.view_state)
        self._crossing = EventCrossing(presenter, self._view)
        self._link = LampLink(config, self._crossing.deliver)
        self._end_signals = end_signals

    def build(self) -> Any:
        """Give Kivy the root of the screen."""
        return self._view.root

    def on_start(self) -> None:
        """Let the first frame be seen before the network is started: a lamp without one is still a lamp."""
        self.root_window.bind(on_flip=self._first_frame_drawn)

    def open_settings(self, *_: object) -> None:
        """Keep Kivy's own settings, which a keyboard's F1 opens, off a lamp's screen."""

    def run_until_ended(self) -> None:
        """Show the screen until a signal or its window ends it; then say goodbye to the broker."""
        self._end_signals.on_signal(Clock.create_trigger(self.stop))
        try:
            self.run()
        finally:
            self._link.stop()
            log.info("Ended")

    def _first_frame_drawn(self, window: Any) -> None:
        window.unbind(on_flip=self._first_frame_drawn)
        self._link.start()


def _fix_window(size: WindowSize) -> None:
    # In memory only: the Pi's config.ini is nobody's to change.
    KivyConfig.set("graphics", "fullscreen", "0")
    KivyConfig.set("graphics", "width", str(size.width))
    KivyConfig.set("graphics", "height", str(size.height))
    KivyConfig.set("graphics", "resizable", "0")
