"""Background threads that survive errors."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


class BackgroundThread:
    """Calls ``work`` again and again from `start` to `stop`; it returns the seconds until its next call.

    An exception is logged with its stack trace, and the work is retried after growing pauses. ``at_end`` is called on
    the thread when it ends.
    """

    def __init__(
        self, name: str, work: Callable[[], float], *, at_end: Callable[[], object] | None = None, daemon: bool = True
    ) -> None:
        self._name = name
        self._work = work
        self._at_end = at_end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=daemon)
        self.failures = 0
        """How many calls in a row, up to the last one, have raised an exception."""

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread.start()

    def request_stop(self) -> None:
        """End the thread after its current call. Safe to call in a signal handler and on any thread."""
        self._stopping.set()

    def stop(self, seconds: float | None = None) -> None:
        """End the thread, and wait for it up to ``seconds``."""
        self.request_stop()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        failure_pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                pause = self._work()
                self.failures = 0
                failure_pause = FIRST_PAUSE_SECONDS
            except Exception:
                if not self.failures:
                    log.exception("Internal error in the background thread %s, retrying", self._name)
                self.failures += 1
                pause, failure_pause = failure_pause, min(2 * failure_pause, LONGEST_PAUSE_SECONDS)
            self._stopping.wait(pause)
        if self._at_end is not None:
            self._at_end()
