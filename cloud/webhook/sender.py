"""Sends webhook events in a thread of the publishing daemon.

A separate thread, so that a slow receiver blocks nothing else; a separate process would be wasteful, since it mostly
waits. It holds no transaction while it waits for the receiver.
"""

import logging
from collections.abc import Callable
from datetime import datetime

import peewee

from cloud.db.database import database_proxy, one_line
from cloud.errors import DatabaseAway
from cloud.store import webhook_queue
from cloud.store.webhook_queue import WebhookEvent
from cloud.webhook.delivery import NotDelivered, deliver
from cloud.webhook.requests import Receiver
from shared.background import BackgroundThread

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
STOP_SECONDS = 0.5


class WebhookSender:
    """Sends due events between `start` and `stop`. Without a receiver it does nothing."""

    def __init__(self, receiver: Receiver | None, now: Callable[[], datetime]) -> None:
        self._receiver = receiver
        self._now = now
        self._thread: BackgroundThread | None = None

    @property
    def failures(self) -> int:
        """How many attempts in a row, up to the last one, have ended in an internal error."""
        return 0 if self._thread is None else self._thread.failures

    def start(self) -> None:
        """Announce whether there is a receiver, and start the thread. The database must be open."""
        webhook_queue.announce_receiver(self._receiver is not None)
        if self._receiver is not None:
            rounds = _Rounds(self._receiver, self._now)
            self._thread = BackgroundThread("webhook", rounds.work, at_end=database_proxy.close)
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread without waiting for a delivery in progress. Unconfirmed events are sent again later."""
        if self._thread is not None:
            self._thread.stop(STOP_SECONDS)
            self._thread = None


class _Rounds:
    """The rounds of one thread."""

    def __init__(self, receiver: Receiver, now: Callable[[], datetime]) -> None:
        self._receiver = receiver
        self._now = now
        self._pause = FIRST_PAUSE_SECONDS
        self._delivered: WebhookEvent | None = None

    def work(self) -> float:
        """Send the next event that is due, if any; return the seconds until the next round."""
        try:
            database_proxy.connect(reuse_if_open=True)
            pause = 0.0 if self._send_next() else POLL_SECONDS
            self._pause = FIRST_PAUSE_SECONDS
        except NotDelivered as why:
            if self._pause == FIRST_PAUSE_SECONDS:
                log.error("Webhook receiver %s is unavailable, retrying: %s", self._receiver.shown, why)
            return self._next_pause()
        except (peewee.PeeweeException, DatabaseAway) as fault:
            if self._pause == FIRST_PAUSE_SECONDS:
                log.error("Database error in the webhook sender, retrying: %s", one_line(fault))
            database_proxy.close()
            return self._next_pause()
        return pause

    def _next_pause(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return pause

    def _send_next(self) -> bool:
        """Send the event whose turn it is, and return whether there was one.

        Raises:
            NotDelivered: the receiver can't be reached.
        """
        if self._delivered is not None:  # a database error came in between: don't deliver it twice
            webhook_queue.remove(self._delivered)
            self._delivered = None
        event = webhook_queue.next_due(self._now())
        if event is None:
            return False
        try:
            deliver(event, self._receiver, self._now())
        except NotDelivered as why:
            webhook_queue.put_off(event, self._now())
            if not why.answered:
                raise
            log.warning(
                "Webhook receiver rejected %s for lamp %s, retrying: %s",
                event.message_id,
                event.device_id,
                why,
            )
        else:
            self._delivered = event
            webhook_queue.remove(event)
            self._delivered = None
        return True
