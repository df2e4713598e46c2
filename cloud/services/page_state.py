"""State hashes of users' pages."""

import hashlib
from collections.abc import Collection
from datetime import datetime

from peewee import JOIN, fn

from cloud.store import lease
from cloud.store.lamps import Lampi
from cloud.store.offers import Offer
from cloud.store.outbox import OutboxMessage


def states_of(user_ids: Collection[int], now: datetime) -> dict[int, str]:
    """Return for each user a hash that changes whenever something on their pages changes.

    It covers their lamps, whether each is connected, has received its latest message and is offered, and whether the
    daemon runs.
    """
    pending = fn.COUNT(OutboxMessage.version)
    rows = (
        Lampi.select(
            Lampi.user,
            fn.COUNT(Lampi.device_id),
            fn.MAX(Lampi.presence_since),
            fn.MAX(Lampi.message_version),
            pending,
            fn.COUNT(Offer.offered_at),
            fn.MAX(Offer.offered_at),
        )
        .join(OutboxMessage, JOIN.LEFT_OUTER, on=(OutboxMessage.version == Lampi.message_version))
        .switch(Lampi)
        .join(Offer, JOIN.LEFT_OUTER, on=(Offer.lampi == Lampi.device_id))
        .where(Lampi.user.in_(list(user_ids)))
        .group_by(Lampi.user)
        .tuples()
    )
    facts = {user_id: tuple(map(str, facts)) for user_id, *facts in rows}
    running = lease.has_leader(now)
    return {user_id: _word((running, facts.get(user_id))) for user_id in user_ids}


def _word(facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
