"""Telling lamps that nobody owns where they are claimed now, after the address was changed."""

from cloud import claim_address
from cloud.bulk import ROWS_A_STATEMENT
from cloud.database import write_transaction
from cloud.models import Lampi


def readdress() -> int:
    """Have up to a batch of lamps told that were told another address; return how many."""
    outdated = (
        Lampi.select()
        .where(Lampi.user.is_null() & (Lampi.message_version <= claim_address.changed_after()))
        .order_by(Lampi.message_version)
        .limit(ROWS_A_STATEMENT)
    )
    if not outdated.exists():
        return 0
    with write_transaction():
        lamps = list(outdated)
        Lampi.tell(lamps)
    return len(lamps)
