"""SIGTERM and SIGINT as events: a thread waits for them, instead of a handler that interrupts Kivy's thread.

A Python signal handler could run while Kivy's thread holds the lock of Kivy's clock, which the handler needs. A flag
would have to be polled.
"""

import logging
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class EndSignals:
    """The signals that end the program; `hold` blocks them until a thread waits for them."""

    def hold(self) -> None:
        """Block the signals; call it before any thread is started, since threads inherit the mask."""
        signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)

    def on_signal(self, end: Callable[[], object]) -> None:
        """Call ``end`` on a separate thread when the first signal arrives, or at once if one is pending."""

        def wait() -> None:
            log.info("Stopping on %s", signal.Signals(signal.sigwait(END_SIGNALS)).name)
            end()

        threading.Thread(target=wait, name="end signals", daemon=True).start()
