"""SIGTERM and SIGINT as events: taken by a thread that waits for them, so that no handler interrupts anything.

A Python signal handler runs between any two steps of Kivy's thread, perhaps while that holds the
very lock of Kivy's clock that the handler would need; and a flag would have to be polled.
"""

import logging
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class EndSignals:
    """The signals that end the program; from `hold` on they are kept until a thread waits for them."""

    def hold(self) -> None:
        """Keep the signals from ending the program by themselves; call it before any thread is started."""
        signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)

    def on_signal(self, end: Callable[[], object]) -> None:
        """Call `end`, on a thread of its own, when the first signal comes or if one is held already."""

        def wait() -> None:
            log.info("Ending on %s", signal.Signals(signal.sigwait(END_SIGNALS)).name)
            end()

        threading.Thread(target=wait, name="end signals", daemon=True).start()
