"""Change detection: one thread polls the database for all waiting browsers, and only while there are any."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import peewee
from playhouse.pool import MaxConnectionsExceeded

from cloud.db.database import one_line
from cloud.errors import UnusableDatabase
from cloud.services.page_state import states_of
from cloud.web.db_session import Store
from shared.background import BackgroundThread

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
PAUSE_SECONDS = 2.0
"""Delay before the next poll after a database error."""


class Watcher:
    """Wakes waiting streams when their user's state changes. The thread starts with the first stream."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._changed = threading.Condition()
        self._followers: Counter[int] = Counter()
        self._states: dict[int, str] = {}
        self._thread: BackgroundThread | None = None
        self._stopping = threading.Event()
        self._fails = False

    def request_stop(self) -> None:
        """Ask all streams to end soon. Safe to call in a signal handler."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.request_stop()

    def stop(self) -> None:
        """Wake all streams, and stop the thread."""
        self.request_stop()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.stop()

    @property
    def stopped(self) -> bool:
        """Whether the watcher has been asked to stop."""
        return self._stopping.is_set()

    def count(self, user_id: int | None = None) -> int:
        """Return the number of streams, of one user or of all."""
        with self._changed:
            return self._followers.total() if user_id is None else self._followers[user_id]

    @contextmanager
    def following(self, user_id: int) -> Iterator[None]:
        """Watch a user's state within the block."""
        with self._changed:
            self._followers[user_id] += 1
            if self._thread is None and not self.stopped:
                self._thread = BackgroundThread("watcher", self._round, at_end=self._store.disconnect)
                self._thread.start()
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._followers -= Counter([user_id])
                if user_id not in self._followers:
                    self._states.pop(user_id, None)

    def wait(self, user_id: int, seen: str, seconds: float) -> str | None:
        """Return a watched user's state once it differs from ``seen``, or None after ``seconds`` without a change."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._states.get(user_id, seen) != seen, seconds)
            state = self._states.get(user_id, seen)
        return None if state == seen else state

    def _round(self) -> float:
        """Wait until a stream is open, then poll once; return the seconds until the next poll."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._followers)
            users = list(self._followers)
        began = time.monotonic()
        try:
            self._look(users)
        except (peewee.PeeweeException, UnusableDatabase, MaxConnectionsExceeded) as fault:
            if not self._fails:
                log.error("Database error, retrying: %s", one_line(fault))
            self._fails = True
            self._store.start_over()
            return PAUSE_SECONDS
        self._fails = False
        return max(0.0, began + POLL_SECONDS - time.monotonic())

    def _look(self, users: list[int]) -> None:
        if not users:
            return
        self._store.connect()
        states = states_of(users, self._now())
        with self._changed:
            followed = {user_id: state for user_id, state in states.items() if user_id in self._followers}
            if followed != self._states:
                self._states = followed
                self._changed.notify_all()
