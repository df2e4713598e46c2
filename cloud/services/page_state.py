"""State hashes of users' pages."""

import hashlib
from collections.abc import Collection
from datetime import datetime

from peewee import JOIN, fn

from cloud.store import lease
from cloud.store.lamps import Lampi
from cloud.store.outbox import OutboxMessage


def states_of(user_ids: Collection[int], now: datetime) -> dict[int, str]:
    """Return for each user a hash that changes whenever something on their pages changes.

    It covers their lamps, whether each is connected and has received its latest message, and whether the daemon runs.
    """
    pending = fn.COUNT(OutboxMessage.version)
    rows = (
        Lampi.select(
            Lampi.user, fn.COUNT(Lampi.device_id), fn.MAX(Lampi.presence_since), fn.MAX(Lampi.message_version), pending
        )
        .join(OutboxMessage, JOIN.LEFT_OUTER, on=(OutboxMessage.version == Lampi.message_version))
        .where(Lampi.user.in_(list(user_ids)))
        .group_by(Lampi.user)
        .tuples()
    )
    facts = {user_id: (count, str(since), version, waiting) for user_id, count, since, version, waiting in rows}
    running = lease.has_leader(now)
    return {user_id: _word((running, facts.get(user_id))) for user_id in user_ids}


def _word(facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
