"""Sends webhook events in a thread of the publishing daemon.

A separate thread, so that a slow receiver blocks nothing else; a separate process would be wasteful, since it mostly
waits. It holds no transaction while it waits for the receiver.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

import peewee

from cloud.db.database import database_proxy, one_line
from cloud.store import webhook_queue
from cloud.webhook.delivery import NotDelivered, deliver
from cloud.webhook.requests import Receiver

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
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Announce whether there is a receiver, and start the thread. The database must be open."""
        webhook_queue.announce_receiver(self._receiver is not None)
        if self._receiver is not None:
            # A new event for each thread: a stuck one must still see its own stop request after the next has started.
            self._stopping = threading.Event()
            self._thread = threading.Thread(
                target=self._work, args=(self._receiver, self._stopping), name="webhook", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread without waiting for a delivery in progress. Unconfirmed events are sent again later."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def _work(self, receiver: Receiver, stopping: threading.Event) -> None:
        away = FIRST_PAUSE_SECONDS
        pause = 0.0
        while not stopping.wait(pause):
            try:
                database_proxy.connect(reuse_if_open=True)
                pause = 0.0 if self._tell_next(receiver) else POLL_SECONDS
                away = FIRST_PAUSE_SECONDS
            except NotDelivered as why:
                if away == FIRST_PAUSE_SECONDS:
                    log.error("Webhook receiver %s is unavailable, retrying: %s", receiver.shown, why)
                pause, away = away, min(2 * away, LONGEST_PAUSE_SECONDS)
            except peewee.PeeweeException as fault:
                log.error("Database error in the webhook sender, retrying: %s", one_line(fault))
                database_proxy.close()
                pause = LONGEST_PAUSE_SECONDS
        database_proxy.close()

    def _tell_next(self, receiver: Receiver) -> bool:
        """Send the event that has been due longest, and return whether there was one.

        Raises:
            NotDelivered: the receiver can't be reached.
        """
        event = webhook_queue.next_due(self._now())
        if event is None:
            return False
        try:
            deliver(event, receiver, self._now())
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
            webhook_queue.remove(event)
        return True
