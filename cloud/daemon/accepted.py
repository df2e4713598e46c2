"""Logging what the broker has accepted."""

import logging
from contextlib import suppress

from cloud.outbox import Pending
from shared import topics
from shared.errors import BadTopic
from shared.logs import about
from shared.payloads import CLEARED, Associated

log = logging.getLogger(__name__)

_ASSOCIATED = Associated().encode().rstrip(b"}")
"""How every message of a lamp that has an owner begins, with or without a name."""


def log_accepted(message: Pending) -> None:
    """Log that the broker accepted a message; codes, of which there may be many, only at DEBUG."""
    matters = message.payload == CLEARED or message.payload.startswith(_ASSOCIATED)
    if not matters and not log.isEnabledFor(logging.DEBUG):
        return
    with suppress(BadTopic):
        device_id = topics.parse_associated(message.topic)
        if message.payload == CLEARED:
            log.info("Cleared what the broker retained for the lamp %s", device_id, extra=about(device_id))
        elif message.payload.startswith(_ASSOCIATED):
            log.info("Told the lamp %s that it is associated", device_id, extra=about(device_id))
        else:
            log.debug("Told the lamp %s its code", device_id, extra=about(device_id))
