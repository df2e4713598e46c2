"""Rate-limits warnings that outsiders can cause: the first is logged at once, repeats are counted."""

import logging
import threading

INTERVAL_SECONDS = 60.0
"""How long repeats are counted before one line reports their number."""

MOST_KINDS = 20
"""How many different warnings are logged in an interval; further ones are counted together."""


class LogThrottle:
    """Logs each warning once in an interval, then the number of its repeats.

    Outsiders choose topics and payloads, so neither the log nor the memory may grow with what they send: an interval
    produces at most ``most_kinds`` warnings, as many counts, and one count of all others. ``now`` is in seconds of a
    monotonic clock. Thread-safe.
    """

    def __init__(
        self, log: logging.Logger, *, interval_seconds: float = INTERVAL_SECONDS, most_kinds: int = MOST_KINDS
    ) -> None:
        self._log = log
        self._interval_seconds = interval_seconds
        self._most_kinds = most_kinds
        self._lock = threading.Lock()
        self._began: float | None = None
        self._repeats: dict[str, int] = {}
        self._others = 0

    def warning(self, text: str, now: float, fault: BaseException | None = None) -> None:
        """Log a warning, or count it if this interval has already logged the same text or too many others.

        A ``fault`` is logged with its traceback, as an error in the program.
        """
        with self._lock:
            self._sum_up_if_due(now)
            if self._began is None:
                self._began = now
            if text in self._repeats:
                self._repeats[text] += 1
            elif len(self._repeats) >= self._most_kinds:
                self._others += 1
            else:
                self._repeats[text] = 0
                self._log.log(logging.WARNING if fault is None else logging.ERROR, "%s", text, exc_info=fault)

    def tick(self, now: float) -> None:
        """Log the counts if the interval is over; cheap otherwise, so call it often."""
        if self._began is not None:
            with self._lock:
                self._sum_up_if_due(now)

    def finish(self, now: float) -> None:
        """Log the counts so far and reset them, at the end of a program."""
        with self._lock:
            if self._began is not None:
                self._sum_up(now - self._began)
            self._repeats.clear()
            self._began = None

    def _sum_up_if_due(self, now: float) -> None:
        if self._began is not None and now - self._began >= self._interval_seconds:
            self._sum_up(now - self._began)
            self._began = now if self._repeats else None

    def _sum_up(self, seconds: float) -> None:
        span = f"in the last {max(1, round(seconds))} s"
        for text, count in self._repeats.items():
            if count:
                self._log.warning("%s ... and %s more like it %s", text, f"{count:,}", span)
        if self._others:
            self._log.warning("... and %s other such warnings %s", f"{self._others:,}", span)
        # Warnings that continue are only counted from now on; one that has stopped is logged when it recurs.
        self._repeats = {text: 0 for text, count in self._repeats.items() if count}
        self._others = 0
