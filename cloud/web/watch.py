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

from cloud.auth import sessions
from cloud.db.database import one_line
from cloud.errors import UnusableDatabase
from cloud.services.lamp_states import Followed, keep_watching, views_of
from cloud.services.page_state import states_of
from cloud.web.db_session import Store
from cloud.web.lamp_json import as_json
from shared.background import BackgroundThread

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
LAMP_POLL_SECONDS = 0.1
"""Polling interval while a page shows a lamp's state, which follows the fingers on its screen."""

PAUSE_SECONDS = 2.0
"""Delay before the next poll after a database error."""


Subject = int | Followed
"""What a stream follows: all lists of a user, by the user's id, or what one of the user's lamps shows."""


class Watcher:
    """Wakes waiting streams when the state of their subject changes. The thread starts with the first stream.

    A user's state is a hash, a lamp's is what the lamp shows, as JSON; it is watched meanwhile.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._changed = threading.Condition()
        self._followers: Counter[Subject] = Counter()
        self._states: dict[Subject, str] = {}
        self._sessions: Counter[str] = Counter()
        self._ended: set[str] = set()
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
            return sum(count for each, count in self._followers.items() if user_id in (None, _user_of(each)))

    @contextmanager
    def following(self, subject: Subject, session: str) -> Iterator[None]:
        """Watch a subject's state within the block, for a session with this key."""
        with self._changed:
            self._followers[subject] += 1
            self._sessions[session] += 1
            if self._thread is None and not self.stopped:
                self._thread = BackgroundThread("watcher", self._round, at_end=self._store.disconnect)
                self._thread.start()
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._followers -= Counter([subject])
                self._sessions -= Counter([session])
                if subject not in self._followers:
                    self._states.pop(subject, None)

    def has_ended(self, session: str) -> bool:
        """Return whether a session that follows something has been ended."""
        return session in self._ended

    def wait(self, subject: Subject, seen: str, seconds: float) -> str | None:
        """Return a followed subject's state once it differs from ``seen``; None after ``seconds`` without a change."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._states.get(subject, seen) != seen, seconds)
            state = self._states.get(subject, seen)
        return None if state == seen else state

    def _round(self) -> float:
        """Wait until a stream is open, then poll once; return the seconds until the next poll."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._followers)
            subjects, keys = list(self._followers), list(self._sessions)
        began = time.monotonic()
        try:
            self._look(subjects, keys)
        except (peewee.PeeweeException, UnusableDatabase, MaxConnectionsExceeded) as fault:
            if not self._fails:
                log.error("Database error, retrying: %s", one_line(fault))
            self._fails = True
            self._store.start_over()
            return PAUSE_SECONDS
        self._fails = False
        shows_lamp = any(isinstance(each, Followed) for each in subjects)
        return max(0.0, began + (LAMP_POLL_SECONDS if shows_lamp else POLL_SECONDS) - time.monotonic())

    def _look(self, subjects: list[Subject], keys: list[str]) -> None:
        if not subjects:
            return
        self._store.connect()
        self._ended = set(keys) - sessions.live_among(keys)
        now = self._now()
        lamps = [each for each in subjects if isinstance(each, Followed)]
        users = [each for each in subjects if not isinstance(each, Followed)]
        states: dict[Subject, str] = dict(states_of(users, now).items()) if users else {}
        if lamps:
            keep_watching(lamps, now)
            views = views_of(lamps, now)
            states.update({each: as_json(views.get(each)) for each in lamps})
        with self._changed:
            followed = {subject: state for subject, state in states.items() if subject in self._followers}
            if followed != self._states:
                self._states = followed
                self._changed.notify_all()


def _user_of(subject: Subject) -> int:
    return subject.user_id if isinstance(subject, Followed) else subject
