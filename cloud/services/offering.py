"""Offering a lamp: an owner makes an offer, shows it and withdraws it. `cloud.services.claiming` takes it.

Each function acts for ``user``, who must own the lamp, or for an operator if that is None. What is refused doesn't wait
for the write lock, so that a flood of such requests delays no one.
"""

from collections.abc import Sequence
from datetime import datetime

from cloud.db.database import write_transaction
from cloud.errors import NotAssociated, NotOffered
from cloud.rate_limit import changes
from cloud.rate_limit.current_budget import length_for_new_codes
from cloud.rate_limit.policy import announced
from cloud.services.ownership import lamp_of
from cloud.store import audit_log, offers
from cloud.store.audit_log import AuditEvent
from cloud.store.codes import fresh_codes
from cloud.store.lamps import Lampi, User
from cloud.store.offers import GOOD_FOR, Offer
from shared.protocol.codes import is_association_code
from shared.protocol.device_id import is_device_id


def make_offer(device_id: str, now: datetime, source: str, user: User | None = None) -> Offer:
    """Offer a lamp to the person who enters the code, and return the offer. It replaces an earlier one.

    Raises:
        UnknownLamp: there is no such lamp, or it is not the user's.
        NotAssociated: the lamp has no owner.
        TooManyChanges: the user's rate limit.
    """
    if user is not None:
        changes.require_allowed(user, now)
    _owned(device_id, user)
    with write_transaction():
        lampi = _owned(device_id, user)
        if user is not None:
            changes.count(user, now)
        offers.end(device_id)
        length = length_for_new_codes(1, 0, now)
        ((code, length),) = fresh_codes(1, length, _short_codes_among, announced().longest)
        offer: Offer = Offer.create(lampi=lampi, user=lampi.user, code=code, short_code_length=length, offered_at=now)
        _note(AuditEvent.OFFERED, offer, now, source)
    return offer


def offer_of(device_id: str, now: datetime, user: User | None = None) -> Offer:
    """Return the offer of a lamp that is in force.

    Raises:
        UnknownLamp: there is no such lamp, or it is not the user's.
        NotAssociated: the lamp has no owner.
        NotOffered: there is no offer, or it has ended.
    """
    lampi = _owned(device_id, user)
    offer: Offer | None = Offer.select().where((Offer.lampi == lampi) & offers.in_force(now)).first()
    if offer is None:
        raise NotOffered
    return offer


def withdraw(device_id: str, now: datetime, source: str, user: User | None = None) -> None:
    """End the offer of a lamp.

    Raises:
        UnknownLamp, NotAssociated, NotOffered: as in `offer_of`.
    """
    offer_of(device_id, now, user)
    with write_transaction():
        offer = offer_of(device_id, now, user)
        offers.end(device_id)
        _note(AuditEvent.OFFER_WITHDRAWN, offer, now, source)


def offered_by_link(code: str, now: datetime) -> Lampi | None:
    """Return the lamp whose offer has this full code, as in its link; None for any other text.

    It is no guess: a full code can't be guessed.
    """
    offer = Offer.stands_under(code, now) if is_association_code(code) else None
    return None if offer is None else lamp_of(offer.user, offer.device_id)


def was_handed_over(user: User, device_id: str, now: datetime) -> bool:
    """Return whether this user's offer of a lamp was taken a short time ago."""
    if not is_device_id(device_id):
        return False
    return audit_log.has(AuditEvent.HANDED_OVER, device_id, user.name, since=now - 2 * GOOD_FOR)


def _owned(device_id: str, user: User | None) -> Lampi:
    if user is not None:
        return lamp_of(user, device_id)
    lampi = Lampi.named(device_id)
    if lampi.user_id is None:
        raise NotAssociated(f"The lamp {device_id} has no owner, so it can't be offered.")
    return lampi


def _short_codes_among(shorts: Sequence[str]) -> set[str]:
    return Lampi.short_codes_among(shorts) | offers.short_codes_among(shorts)


def _note(event: AuditEvent, offer: Offer, now: datetime, source: str) -> None:
    audit_log.write(event, now, source, device_id=offer.device_id, user_name=offer.user.name)
