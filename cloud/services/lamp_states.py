"""What an owner's lamps show, and requests to change it.

Looking at a lamp watches it: the daemon subscribes to its state for as long. Another user's lamp is unknown, as in
`cloud.services.ownership`. Nothing of this is written to the audit log.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import BoundedSemaphore
from typing import NamedTuple

from cloud.db.database import connection_returned, write_transaction
from cloud.rate_limit import state_requests as budget
from cloud.services import resets
from cloud.services.ownership import lamp_of
from cloud.store import lease, outbox, state_requests, state_watches
from cloud.store.lamps import Lampi, User
from cloud.store.state_requests import StateRequest
from cloud.store.state_watches import WATCH_FOR, StateWatch
from shared.protocol.payloads import LampConfig

RENEW_WITHIN = WATCH_FOR / 2
"""A watch with less life than this is renewed."""

LEARN_SECONDS = 0.5
"""How long to wait for the state of a lamp that was not watched. The daemon takes some 20 ms."""

LOOK_SECONDS = 0.02
MOST_WAITING = 8
"""Maximum number of threads that wait for states. Without a place, the answer is that the state is not known."""

_waiting_places = BoundedSemaphore(MOST_WAITING)


class Outcome(StrEnum):
    """How a request ended, or that it hasn't."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNANSWERED = "unanswered"


class Followed(NamedTuple):
    """A lamp that a user looks at."""

    user_id: int
    device_id: str


@dataclass(frozen=True)
class LampView:
    """What is known of a lamp: ``shown`` is its state, None if not known; and its owner's latest request, if any.

    ``is_served`` is False while no daemon runs, so that nothing is learned or published. ``release_at`` is when the
    lamp will be released by a reset that was requested at it, unless its owner refuses.
    """

    connected: bool
    is_served: bool
    shown: LampConfig | None
    reported_at: datetime | None
    requested_at: datetime | None
    outcome: Outcome | None
    release_at: datetime | None


def look_at(user: User, device_id: str, now: datetime) -> LampView:
    """Watch a user's lamp, and return what it shows; wait up to `LEARN_SECONDS` for the daemon to learn it.

    Raises:
        UnknownLamp: the user has no lamp with this device id.
        TooManyRequests: rate limit, counted when a watch begins or is renewed.
    """
    lampi = lamp_of(user, device_id)
    watch = state_watches.watches_of([device_id], now).get(device_id)
    if _is_due(watch, now):
        budget.require_allowed(user, now)
        with write_transaction(durable=False):
            lamp_of(user, device_id)
            budget.count(user, now)
            _watch([device_id], now)
    view = _views([lampi], now)[device_id]
    if watch is None and view.is_served and _waiting_places.acquire(blocking=False):
        try:
            view = _when_learned(user, view, device_id, now)
        finally:
            _waiting_places.release()
    return view


def request(user: User, device_id: str, wanted: LampConfig, now: datetime) -> LampView:
    """Request that a user's lamp shows what is ``wanted``, and return what is known of it.

    The daemon publishes it unless the lamp has changed hands. `LampView.outcome` says how it ended.

    Raises:
        UnknownLamp: the user has no lamp with this device id.
        TooManyRequests: rate limit.
    """
    lamp_of(user, device_id)
    budget.require_allowed(user, now)
    with write_transaction(durable=False):
        lampi = lamp_of(user, device_id)
        budget.count(user, now)
        state_requests.put(device_id, user, wanted, now)
        _watch([device_id], now)
    return _views([lampi], now)[device_id]


def keep_watching(followed: Collection[Followed], now: datetime) -> None:
    """Renew the watches of lamps that pages show, where they are due. Other users' lamps are left out."""
    watches = state_watches.watches_of({each.device_id for each in followed}, now)
    due = [each for each in _lamps_of(followed) if _is_due(watches.get(each.device_id), now)]
    if due:
        with write_transaction(durable=False):
            _watch({each.device_id for each in _lamps_of(due)}, now)


def views_of(followed: Collection[Followed], now: datetime) -> dict[Followed, LampView]:
    """Return what is known of each of these lamps that is the user's."""
    lamps = _lamps_of(followed)
    views = _views(list(lamps.values()), now)
    return {each: views[each.device_id] for each in lamps}


def _views(lamps: Sequence[Lampi], now: datetime) -> dict[str, LampView]:
    device_ids = [lampi.device_id for lampi in lamps]
    watches, requests = state_watches.watches_of(device_ids, now), state_requests.requests_of(device_ids)
    is_served = lease.has_leader(now)
    releases = {device_id: reset.due_at for device_id, reset in resets.requested_among(lamps).items()}

    def view(lampi: Lampi) -> LampView:
        watch, request = watches.get(lampi.device_id), requests.get(lampi.device_id)
        return _view(lampi, watch, request, is_served=is_served, release_at=releases.get(lampi.device_id), now=now)

    return {lampi.device_id: view(lampi) for lampi in lamps}


def _when_learned(user: User, view: LampView, device_id: str, now: datetime) -> LampView:
    """Return the view once the lamp's state is known, or as it is after `LEARN_SECONDS`."""
    end = time.monotonic() + LEARN_SECONDS
    while view.shown is None and time.monotonic() < end:
        with connection_returned():
            time.sleep(LOOK_SECONDS)
        view = _views([lamp_of(user, device_id)], now)[device_id]
    return view


def _watch(device_ids: Collection[str], now: datetime) -> None:
    state_watches.watch(device_ids, now)
    outbox.notify()


def _is_due(watch: StateWatch | None, now: datetime) -> bool:
    return watch is None or watch.until < now + RENEW_WITHIN


def _lamps_of(followed: Collection[Followed]) -> dict[Followed, Lampi]:
    """Return those of these lamps that are the users'."""
    lamps = Lampi.select().where(Lampi.device_id.in_([each.device_id for each in followed]))
    found = {Followed(lampi.user_id, lampi.device_id): lampi for lampi in lamps}
    return {each: found[each] for each in followed if each in found}


def _view(
    lampi: Lampi,
    watch: StateWatch | None,
    request: StateRequest | None,
    *,
    is_served: bool,
    release_at: datetime | None,
    now: datetime,
) -> LampView:
    is_known = is_served and watch is not None and watch.reported_at is not None
    own = request if request is not None and request.user_id == lampi.user_id else None
    return LampView(
        connected=lampi.connected,
        is_served=is_served,
        shown=watch.config if watch is not None and is_known else None,
        reported_at=watch.reported_at if watch is not None and is_known else None,
        requested_at=None if own is None else own.requested_at,
        outcome=None if own is None else _outcome(own, now),
        release_at=release_at,
    )


def _outcome(request: StateRequest, now: datetime) -> Outcome:
    if request.is_answered:
        return Outcome.CONFIRMED
    return Outcome.PENDING if request.is_alive(now) else Outcome.UNANSWERED
