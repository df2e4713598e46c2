"""Rollout of a changed claim URL to unassociated lamps."""

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import run_sql, write_transaction
from cloud.services.lamps import enqueue_state
from cloud.store import claim_url
from cloud.store.lamps import Lampi


def roll_out_claim_url() -> int:
    """Enqueue messages with the new claim URL for up to one batch of lamps; return how many."""
    after = claim_url.changed_after()
    if not run_sql(
        "SELECT 1 FROM lampi WHERE user_id IS NULL AND message_version <= ? ORDER BY message_version LIMIT 1", after
    ):
        return 0
    outdated = Lampi.user.is_null() & (Lampi.message_version <= after)
    with write_transaction():
        lamps = list(Lampi.select().where(outdated).order_by(Lampi.message_version).limit(ROWS_A_STATEMENT))
        enqueue_state(lamps)
    return len(lamps)
