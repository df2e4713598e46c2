"""The webhook: a receiver elsewhere is told over HTTP whose lamp became whose.

Signed as Standard Webhooks (https://www.standardwebhooks.com) says, so that a receiver can take one of its libraries.
"""

import base64
import binascii
import hashlib
import hmac
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Timer
from typing import Any
from urllib.parse import urlsplit

import urllib3

from cloud.webhook.events import WebhookEvent

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 10.0
WHOLE_SECONDS = 15.0
"""How long a delivery may take from its beginning to its end, also where the receiver sends a byte now and then."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret of Standard Webhooks begins with
HOW_TO_MAKE_A_SECRET = f"'echo {SECRET_PREFIX}$(openssl rand -base64 32)' makes one"
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64


@dataclass(frozen=True)
class Receiver:
    """Where to tell, and the secret (24 to 64 bytes) that signs; both stay out of ``repr``: a URL may hold one, too."""

    url: str = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def shown(self) -> str:
        """The receiver as a log may name it."""
        return urlsplit(self.url).hostname or ""


class NotDelivered(Exception):
    """The receiver did not take it; the text says why. ``answered``: it is there, and refused this one."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered


def parse_url(text: str) -> str:
    """Return a receiver's URL.

    Raises:
        ValueError: it is not one of HTTP or HTTPS, with a host and without a user; the text quotes nothing of it.
    """
    try:
        parts = urlsplit(text.strip())
        usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        usable = False
    if not usable or not text.strip().isprintable() or " " in text.strip():
        raise ValueError("not the URL of a receiver, as in https://example.com/lamps")
    return text.strip()


def parse_secret(text: str) -> bytes:
    """Return the secret's bytes, from base64 with or without `whsec_` before it.

    Raises:
        ValueError: it is not one, or not long enough; the text quotes nothing of it.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not LEAST_SECRET_BYTES <= len(secret) <= MOST_SECRET_BYTES:
        raise ValueError(f"not 24 to 64 random bytes in base64; {HOW_TO_MAKE_A_SECRET}")
    return secret


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
