"""Webhook delivery: one signed HTTP request for each event.

Signatures follow Standard Webhooks (https://www.standardwebhooks.com), so receivers can verify them with its libraries.
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

from cloud.store.webhook_queue import WebhookEvent
from cloud.webhook.requests import Receiver
from cloud.webhook.response_limit import LimitedResponse, ResponseTooLarge

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 10.0
WHOLE_SECONDS = 15.0
"""Total time limit of a delivery, even if the receiver keeps sending a byte now and then."""


class NotDelivered(Exception):
    """Delivery failed; the text is the reason. ``answered``: the receiver responded, but not with 2xx."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered


def signature(secret: bytes, message_id: str, seconds: int, body: str) -> str:
    """Return the `webhook-signature` header: HMAC-SHA256 over "id.timestamp.body"."""
    digest = hmac.new(secret, f"{message_id}.{seconds}.{body}".encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def deliver(event: WebhookEvent, receiver: Receiver, now: datetime) -> None:
    """Send an event, and return once the receiver has responded with 2xx. The response body is not read.

    Raises:
        NotDelivered: the receiver is unreachable, too slow, responds with another status, including redirects, or with
            more than `response_limit.MOST_BYTES` before the body.
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
            cause = fault.__context__ if isinstance(fault.__context__, ResponseTooLarge) else fault
            raise NotDelivered(type(cause).__name__, answered=False) from None
        answer.close()  # unread: the body may be large
    if not 200 <= answer.status < 300:
        raise NotDelivered(f"status {answer.status}", answered=True)


@contextmanager
def _pool_for(url: str) -> Iterator[urllib3.HTTPConnectionPool]:
    """Give a connection pool for one delivery and close it at the deadline: urllib3 limits only each single read."""
    pool = urllib3.connection_from_url(
        url, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS), retries=False
    )
    connections: list[Any] = []
    too_late = Event()
    make = pool.ConnectionCls

    def remembered(**options: Any) -> Any:
        connections.append(make(**options))
        connections[-1].response_class = LimitedResponse
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
        if too_late.is_set():  # discard any response: urllib3 takes the cut connection for its end
            raise NotDelivered("timed out", answered=False)
