"""Challenges that authenticators sign: each is good once, for five minutes, for one purpose, in one browser.

A challenge is signed and not stored until it is used, so that opening the sign-in page writes nothing. A used one is
counted as an attempt, of which one is allowed.
"""

import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cloud.db.timestamps import credible
from cloud.errors import BadPasskey, TooManyAttempts
from cloud.rate_limit import attempts
from cloud.rate_limit.attempts import Limit

LASTS_FOR = timedelta(minutes=5)

_RANDOM_BYTES = 16
_CLAIM_BYTES = _RANDOM_BYTES + 8
_CHALLENGE_BYTES = _CLAIM_BYTES + 32


def make_challenge(bound_to: Sequence[str], secret: str, now: datetime) -> bytes:
    """Return a challenge for a purpose and a browser; ``secret`` signs it."""
    claims = secrets.token_bytes(_RANDOM_BYTES) + int(now.timestamp()).to_bytes(8, "big")
    return claims + _sign(claims, bound_to, secret)


def use_challenge(challenge: bytes, bound_to: Sequence[str], secret: str, now: datetime) -> None:
    """Use a challenge up. It comes from the browser, so it can be anything.

    Raises:
        BadPasskey: it is none of ours, for another purpose or browser, too old, or used already.
    """
    claims, signature = challenge[:_CLAIM_BYTES], challenge[_CLAIM_BYTES:]
    if len(challenge) != _CHALLENGE_BYTES or not hmac.compare_digest(signature, _sign(claims, bound_to, secret)):
        raise BadPasskey
    made_at = datetime.fromtimestamp(int.from_bytes(claims[_RANDOM_BYTES:], "big"), UTC)
    if not now - LASTS_FOR < made_at <= credible(now):
        raise BadPasskey
    try:
        attempts.spend([Limit(("challenge", challenge.hex()), 1, 2 * LASTS_FOR)], now)
    except TooManyAttempts:
        raise BadPasskey from None


def _sign(claims: bytes, bound_to: Sequence[str], secret: str) -> bytes:
    signed = "\0".join(("passkey challenge", *bound_to)).encode() + b"\0" + claims
    return hmac.digest(secret.encode(), signed, "sha256")
