"""Handing a lamp over: its owner changes in one statement, so that at no moment it has none."""

from datetime import datetime

from peewee import Expression

from cloud.db.database import write_transaction
from cloud.errors import AlreadyAssociated, NotAssociated, OwnOffer
from cloud.services.lamps import enqueue_state
from cloud.store import audit_log, offers, state_requests, webhook_queue
from cloud.store.audit_log import AuditEvent
from cloud.store.lamps import Lampi, User
from cloud.store.offers import Offer
from cloud.store.webhook_queue import Kind


def take(offer: Offer, user: User, now: datetime, source: str) -> Lampi | None:
    """Make a user the owner of an offered lamp, end the offer, and return the lamp.

    A single conditional UPDATE: of any number of competitors exactly one gets the lamp, the others None. The lamp keeps
    its name, and the code by which it was taken, so that a repeated request finds it.

    Raises:
        OwnOffer: the user made the offer, which stays in force.
    """
    if offer.user_id == user.id:
        raise OwnOffer
    standing = Offer.select(Offer.lampi).where((Offer.code == offer.code) & offers.is_timely(now))
    return _change_owner(Lampi.device_id.in_(standing), offer.user, user, now, source, association_code=offer.code)


def hand_over(device_id: str, user: User, now: datetime, source: str) -> Lampi:
    """Make a user the owner of a lamp of another user without an offer, for operators, and return the lamp.

    Raises:
        UnknownLamp: no lamp has this device id.
        NotAssociated: the lamp has no owner.
        AlreadyAssociated: the lamp is the user's already.
    """
    with write_transaction():
        lampi = Lampi.named(device_id)
        if lampi.user_id is None:
            raise NotAssociated(f"The lamp {device_id} has no owner; associate it instead.")
        if lampi.user_id == user.id:
            raise AlreadyAssociated(f"The lamp {device_id} already belongs to {user.name}.")
        _change_owner(Lampi.device_id == device_id, lampi.user, user, now, source)
        return lampi.reread()


def _change_owner(
    which: Expression, former: User, user: User, now: datetime, source: str, **columns: object
) -> Lampi | None:
    """Make a user the owner of the lamp that ``which`` selects, if it is the former owner's, and return it."""
    with write_transaction():
        change = Lampi.update(user=user, associated_at=now, **columns)
        lamps: list[Lampi] = list(change.where(which & (Lampi.user == former)).returning(Lampi).execute())
        enqueue_state(lamps)
        for lampi in lamps:
            offers.end(lampi.device_id)
            state_requests.remove([lampi.device_id])
            audit_log.write(
                AuditEvent.HANDED_OVER,
                now,
                source,
                device_id=lampi.device_id,
                user_name=former.name,
                new_owner=user.name,
            )
            webhook_queue.write(Kind.HANDED_OVER, lampi.device_id, lampi.name, user.name, now, former_user=former.name)
    return lamps[0] if lamps else None
