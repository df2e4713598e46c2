"""Webhook delivery: one signed HTTP request to the receiver for each event.

Signed as Standard Webhooks (https://www.standardwebhooks.com) says, so that a receiver can take one of its libraries.
"""

import base64
import hashlib
import hmac
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Timer
from typing import Any

import urllib3

from cloud.webhook.events import WebhookEvent
from cloud.webhook.receiver import Receiver

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 10.0
WHOLE_SECONDS = 15.0
"""How long a delivery may take from its beginning to its end, also where the receiver sends a byte now and then."""


class NotDelivered(Exception):
    """The receiver did not take it; the text says why. ``answered``: it is there, and refused this one."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered


def signature(secret: bytes, message_id: str, seconds: int, body: str) -> str:
    """Return what the header `webhook-signature` says: HMAC-SHA256 over id, time and body, with full stops between."""
    digest = hmac.new(secret, f"{message_id}.{seconds}.{body}".encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def deliver(event: WebhookEvent, receiver: Receiver, now: datetime) -> None:
    """Tell the receiver, and return when it has answered with 2xx; of its answer nothing else is read.

    Raises:
        NotDelivered: it can't be reached, takes too long, or answers otherwise. No redirect is followed.
    """
    seconds = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "lampi-webhook",
        "webhook-id": event.message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature(receiver.secret, event.message_id, seconds, event.body),
    }
    with _pool_for(receiver.url) as pool:
        try:
            answer = pool.urlopen(
                "POST",
                urllib3.util.parse_url(receiver.url).request_uri,
                body=event.body.encode(),
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            raise NotDelivered(type(fault).__name__, answered=False) from None
        answer.close()  # unread: whatever follows may be large
    if not 200 <= answer.status < 300:
        raise NotDelivered(f"it answered {answer.status}", answered=True)


@contextmanager
def _pool_for(url: str) -> Iterator[urllib3.HTTPConnectionPool]:
    """Give what connects for one delivery, and is cut when that takes too long: the library bounds each pause alone."""
    pool = urllib3.connection_from_url(
        url, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS), retries=False
    )
    connections: list[Any] = []
    too_late = Event()
    make = pool.ConnectionCls

    def remembered(**options: Any) -> Any:
        connections.append(make(**options))
        return connections[-1]

    def cut() -> None:
        too_late.set()
        for connection in connections:
            if (link := connection.sock) is not None:
                with suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)

    pool.ConnectionCls = remembered  # type: ignore[assignment]
    deadline = Timer(WHOLE_SECONDS, cut)
    deadline.daemon = True
    deadline.start()
    try:
        yield pool
    finally:
        deadline.cancel()
        pool.close()
        if too_late.is_set():  # whatever it seems to have answered: to the library, a link that is cut ends an answer
            raise NotDelivered("it took too long", answered=False)
