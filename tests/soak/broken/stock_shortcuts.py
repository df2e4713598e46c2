"""A daemon that knows too little of stock screens: it doesn't reopen popups, or takes every lamp for one of ours."""

from cloud.daemon.presence import PresenceBatch, PresenceSnapshot
from cloud.services import lamps as services
from cloud.services.claim_terms import ClaimTerms
from cloud.store.lamps import Lampi
from shared.protocol.payloads import Association

_association_of = services.association_of
_add_to_batch, _add_to_snapshot = PresenceBatch.add, PresenceSnapshot.add


def sabotage_reopening() -> None:
    """Have each new code published at once, as for a screen that replaces a code in place."""
    services.association_of = _association_at_once


def sabotage_names() -> None:
    """Have the name of every bridge count as a provisioned lamp's."""
    PresenceBatch.add = _add_ours_to_batch  # type: ignore[method-assign]
    PresenceSnapshot.add = _add_ours_to_snapshot  # type: ignore[method-assign]


def _association_at_once(lampi: Lampi, terms: ClaimTerms) -> Association | None:
    lampi.code_due_at = None
    return _association_of(lampi, terms)


def _add_ours_to_batch(self: PresenceBatch, device_id: str, up: bool, stock: bool = False) -> None:
    _add_to_batch(self, device_id, up)


def _add_ours_to_snapshot(self: PresenceSnapshot, device_id: str, stock: bool = False) -> None:
    _add_to_snapshot(self, device_id)
