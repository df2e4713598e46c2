"""Log lines for messages that the broker has accepted."""

import logging
from contextlib import suppress

from cloud.store.outbox import Pending
from shared.logs import about
from shared.protocol import topics
from shared.protocol.errors import BadTopic
from shared.protocol.payloads import WITHDRAWN, Associated

log = logging.getLogger(__name__)

_ASSOCIATED = Associated().encode().rstrip(b"}")
"""Prefix of the payload of every associated lamp, with or without a name, and of a withdrawn one."""


def log_accepted(message: Pending) -> None:
    """Log an accepted message; codes, which are frequent, at DEBUG only."""
    matters = message.payload.startswith(_ASSOCIATED)
    if not matters and not log.isEnabledFor(logging.DEBUG):
        return
    with suppress(BadTopic):
        device_id = topics.parse_associated(message.topic)
        if message.payload == WITHDRAWN:
            log.info("Withdrew the retained message of lamp %s", device_id, extra=about(device_id))
        elif message.payload.startswith(_ASSOCIATED):
            log.info("Published to lamp %s that it is associated", device_id, extra=about(device_id))
        else:
            log.debug("Published the code of lamp %s", device_id, extra=about(device_id))
