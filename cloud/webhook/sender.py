"""Who tells the webhook's receiver: a thread of the publishing daemon.

A thread of its own, so that a receiver which is slow or stuck holds up nothing else; not a process, since it does next
to nothing but wait. It holds no transaction while it waits for the receiver.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

import peewee

from cloud.database import database_proxy, one_line
from cloud.webhook import events as webhook_events
from cloud.webhook.delivery import NotDelivered, deliver
from cloud.webhook.receiver import Receiver

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
STOP_SECONDS = 0.5


class WebhookSender:
    """Tells the receiver what is due, from `start` to `stop`; does nothing where there is no receiver."""

    def __init__(self, receiver: Receiver | None, now: Callable[[], datetime]) -> None:
        self._receiver = receiver
        self._now = now
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Have every process write events or not, and begin; the database must be open."""
        webhook_events.announce_receiver(self._receiver is not None)
        if self._receiver is not None:
            # A new event for each thread: one that is stuck must still find its own set when the next has begun.
            self._stopping = threading.Event()
            self._thread = threading.Thread(
                target=self._work, args=(self._receiver, self._stopping), name="webhook", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End after the present delivery, for which nobody waits: what it did not confirm is told again."""
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
                    log.error("The webhook's receiver %s can't be told (%s); trying again", receiver.shown, why)
                pause, away = away, min(2 * away, LONGEST_PAUSE_SECONDS)
            except peewee.PeeweeException as fault:
                log.error("The webhook waits for the database (%s)", one_line(fault))
                database_proxy.close()
                pause = LONGEST_PAUSE_SECONDS
        database_proxy.close()

    def _tell_next(self, receiver: Receiver) -> bool:
        """Tell what is due the longest; return whether there was anything.

        Raises:
            NotDelivered: nobody can be told now, whatever it is.
        """
        event = webhook_events.next_due(self._now())
        if event is None:
            return False
        try:
            deliver(event, receiver, self._now())
        except NotDelivered as why:
            webhook_events.put_off(event, self._now())
            if not why.answered:
                raise
            log.warning(
                "The webhook's receiver did not take %s of lamp %s (%s); trying again",
                event.message_id,
                event.device_id,
                why,
            )
        else:
            webhook_events.remove(event)
        return True
