"""Resets at the lamp: releasing lamps whose users ask for it on the screen, unless the owner refuses.

A lamp that was bought second-hand may still belong to an owner who never released it. The lamp asks for an offer and
confirms it by the offer's ticket (`shared.protocol.reset`). Everything is bound to one ownership: a request that comes
late or again, after the lamp has changed hands, has no effect.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from peewee import Expression

from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import write_transaction
from cloud.db.timestamps import credible, shown_instant
from cloud.errors import NoResetRequest
from cloud.services import claiming
from cloud.services.lamps import enqueue_state
from cloud.services.ownership import lamp_of
from cloud.store import audit_log, reset_requests, sources, webhook_queue
from cloud.store.audit_log import AuditEvent
from cloud.store.lamps import Lampi, User
from cloud.store.reset_requests import ResetRequest
from cloud.store.webhook_queue import Kind
from shared.protocol.reset import ResetStage

OWNER_HAS = timedelta(days=1)
"""How long an owner can refuse, and how long the lamp can't ask again afterwards."""

OFFERED_FOR = timedelta(minutes=2)
DENIED_FOR = timedelta(minutes=10)
"""How long these answers stand. Meanwhile, more requests of the lamp cause no write."""

_LASTS = {ResetStage.OFFERED: OFFERED_FOR, ResetStage.DENIED: DENIED_FOR}
_NOT_ALLOWED = [ResetStage.OFFERED, ResetStage.REQUESTED]
"""What ends where resets are no longer allowed."""

MISSED_AFTER = timedelta(hours=1)
"""A release that is overdue by more was missed by a daemon that did not run, or a clock was wrong when it was
requested. The owner gets the whole time again."""


class LampReset(StrEnum):
    """Whether lamps can be released at their screens."""

    AT_ONCE = "at-once"
    AFTER_A_DAY = "after-a-day"
    """Unless the owner refuses."""
    NEVER = "never"

    @property
    def wait(self) -> timedelta:
        """How long the owner can refuse."""
        return OWNER_HAS if self is LampReset.AFTER_A_DAY else timedelta(0)


def answer(asked: Mapping[str, str | None], rule: LampReset, now: datetime) -> None:
    """Answer lamps' requests, each with the ticket of the offer that it confirms, or None to get one.

    Lamps without an owner, and those that may have stock screens, are not answered. Neither is a repeated request, so
    that a lamp that floods the broker causes no writes.
    """
    if not any(_is_news(request, asked[lampi.device_id], now) for lampi, request in _requests_of(asked)):
        return
    with write_transaction():
        for lampi, request in _requests_of(asked):
            ticket = asked[lampi.device_id]
            if not _is_news(request, ticket, now):
                continue
            if rule is LampReset.NEVER:
                _enter(lampi, ResetStage.DENIED, now)
            elif request is not None and _confirms(request, ticket, now):
                _request(lampi, rule, now)
            else:
                _enter(lampi, ResetStage.OFFERED, now, rule.wait)


def _requests_of(device_ids: Mapping[str, object]) -> list[tuple[Lampi, ResetRequest | None]]:
    lamps = list(Lampi.select().where(Lampi.device_id.in_(list(device_ids)) & Lampi.user.is_null(False)))
    requests = reset_requests.of_lamps(lamps)
    return [(lampi, requests.get(lampi.device_id)) for lampi in lamps if not lampi.stock_screen]


def _is_news(request: ResetRequest | None, ticket: str | None, now: datetime) -> bool:
    if request is None:
        return True
    if request.stage != ResetStage.OFFERED:
        return False
    return request.due_at <= now or _confirms(request, ticket, now)


def _confirms(request: ResetRequest, ticket: str | None, now: datetime) -> bool:
    return request.stage == ResetStage.OFFERED and request.ticket == ticket and now < request.due_at


def _request(lampi: Lampi, rule: LampReset, now: datetime) -> None:
    """Record a confirmed request, and release the lamp if its owner has no time to refuse."""
    owner = lampi.user.name
    audit_log.write(AuditEvent.RESET_REQUESTED, now, sources.LAMP, device_id=lampi.device_id, user_name=owner)
    if rule.wait:
        _ask_owner(lampi, now)
    else:
        _release(lampi, now)


def _ask_owner(lampi: Lampi, now: datetime) -> None:
    """Tell the owner, who can refuse from now on until `OWNER_HAS` is over."""
    release_at = shown_instant(now + OWNER_HAS)
    webhook_queue.write(Kind.RESET_REQUESTED, lampi.device_id, lampi.name, lampi.user.name, now, release_at=release_at)
    _enter(lampi, ResetStage.REQUESTED, now)


def _release(lampi: Lampi, now: datetime) -> None:
    _delete(lampi)
    claiming.release(lampi.device_id, now, sources.LAMP, AuditEvent.RESET)


def _delete(lampi: Lampi) -> None:
    ResetRequest.delete().where(ResetRequest.device_id == lampi.device_id).execute()


def _enter(lampi: Lampi, stage: ResetStage, now: datetime, wait: timedelta = OWNER_HAS) -> None:
    """Store a new stage, and enqueue it for the lamp."""
    _delete(lampi)
    ResetRequest.create(
        device_id=lampi.device_id,
        user_id=lampi.user_id,
        associated_at=lampi.associated_at,
        stage=stage.value,
        ticket=uuid.uuid4().hex,
        wait_seconds=round(wait.total_seconds()),
        since=now,
        due_at=now + _LASTS.get(stage, OWNER_HAS),
    )
    enqueue_state([lampi])


def refuse(device_id: str, now: datetime, source: str, user: User | None = None) -> Lampi:
    """Refuse a requested reset, for the lamp's owner (``user``) or for an operator; return the lamp.

    Raises:
        UnknownLamp: the user has no lamp with this device id, or there is none.
        NoResetRequest: none is requested, or the lamp has been released.
    """
    _requested(device_id, user)  # before the write lock, for which refused requests must not contend
    with write_transaction():
        lampi = _requested(device_id, user)
        _refuse(lampi, ResetStage.REFUSED, now, source, user)
    return lampi


def _requested(device_id: str, user: User | None) -> Lampi:
    """Return a lamp whose reset is requested; raise as `refuse` does."""
    lampi = Lampi.named(device_id) if user is None else lamp_of(user, device_id)
    if lampi.device_id not in requested_among([lampi]):
        raise NoResetRequest("No reset of this lamp is requested.")
    return lampi


def _refuse(lampi: Lampi, stage: ResetStage, now: datetime, source: str, user: User | None = None) -> None:
    by = None if user is None else user.name
    audit_log.write(AuditEvent.RESET_REFUSED, now, source, device_id=lampi.device_id, user_name=by)
    webhook_queue.write(Kind.RESET_REFUSED, lampi.device_id, lampi.name, lampi.user.name, now)
    _enter(lampi, stage, now)


def requested_among(lamps: Sequence[Lampi]) -> dict[str, ResetRequest]:
    """Return the requests of those of these lamps that are released when their time is over, by device id."""
    found = reset_requests.of_lamps(lamps)
    return {device_id: each for device_id, each in found.items() if each.stage == ResetStage.REQUESTED}


def all_requested() -> list[tuple[Lampi, ResetRequest]]:
    """Return all lamps that are released when their time is over, with their owners and requests, the next first."""
    rows = ResetRequest.select().where(ResetRequest.stage == ResetStage.REQUESTED).order_by(ResetRequest.due_at)
    requests = {each.device_id: each for each in rows}
    lamps = Lampi.select(Lampi, User).join(User).where(Lampi.device_id.in_(list(requests)))
    of_lamps = {lampi.device_id: lampi for lampi in lamps}
    together = ((of_lamps.get(device_id), request) for device_id, request in requests.items())
    return [(lampi, request) for lampi, request in together if lampi is not None and request.concerns(lampi)]


def end_due(rule: LampReset, now: datetime) -> list[str]:
    """End up to one batch of stages whose time is over; return the device ids of the lamps that were released.

    If resets are no longer allowed, those that are requested are refused at once.
    """
    due = _due(rule, now)
    if not ResetRequest.select().where(due).exists():
        return []
    with write_transaction():
        requests = list(ResetRequest.select().where(due).order_by(ResetRequest.due_at).limit(ROWS_A_STATEMENT))
        named = [request.device_id for request in requests]
        lamps = {lampi.device_id: lampi for lampi in Lampi.select().where(Lampi.device_id.in_(named))}
        return [each.device_id for each in requests if _end(each, lamps.get(each.device_id), rule, now)]


def _due(rule: LampReset, now: datetime) -> Expression:
    is_over = (ResetRequest.due_at <= now) | (ResetRequest.due_at > credible(now + OWNER_HAS))
    over = ResetRequest.stage.in_(list(ResetStage)) & is_over  # the index is by stage
    return over | ResetRequest.stage.in_(_NOT_ALLOWED) if rule is LampReset.NEVER else over


def _end(request: ResetRequest, lampi: Lampi | None, rule: LampReset, now: datetime) -> bool:
    """End a stage, and return whether that released the lamp. A time in the future was written by a wrong clock."""
    stage = ResetStage(request.stage)
    if lampi is None or not request.concerns(lampi):
        request.delete_instance()
    elif stage is ResetStage.REQUESTED and rule is LampReset.NEVER:
        _refuse(lampi, ResetStage.DENIED, now, sources.SETTINGS)
    elif stage is ResetStage.REQUESTED and not now - MISSED_AFTER <= request.due_at <= now:
        _ask_owner(lampi, now)
    elif stage is ResetStage.REQUESTED:
        _release(lampi, now)
        return True
    elif stage is ResetStage.REFUSED and request.due_at > now:
        _enter(lampi, stage, now)
    else:
        request.delete_instance()
        enqueue_state([lampi])
    return False
