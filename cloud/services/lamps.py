"""Registering lamps, issuing their codes, claiming, publishing and deleting them.

Each function that changes a lamp enqueues its message in the same transaction.
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from peewee import Expression, IntegrityError, chunked

from cloud.db import bulk
from cloud.db.database import write_transaction
from cloud.db.timestamps import FAR_FUTURE, shown_instant, stored
from cloud.errors import AlreadyAssociated
from cloud.rate_limit.current_budget import length_for_new_codes
from cloud.rate_limit.live_codes import counted_from, live_code_count
from cloud.rate_limit.policy import announced
from cloud.services.claim_terms import ClaimTerms, announced_terms
from cloud.store import audit_log, outbox, state_requests, webhook_queue
from cloud.store.audit_log import AuditEvent
from cloud.store.codes import fresh_codes
from cloud.store.lamps import DEFAULT_NAME, Lampi, User
from cloud.store.outbox import Pending
from cloud.store.tombstones import Tombstone, associated_topic
from cloud.store.webhook_queue import Kind
from shared.protocol.codes import SHORT_CODE_LENGTH
from shared.protocol.payloads import LONGEST_LAMP_NAME, WITHDRAWN, Associated, Association, Unassociated


def own_name(name: str) -> str | None:
    """Return the name that a lamp's screen shows: None for the default or a blank name."""
    return None if name == DEFAULT_NAME or not name.strip() else name.strip()[:LONGEST_LAMP_NAME]


def association_of(lampi: Lampi, terms: ClaimTerms) -> Association | None:
    """Return the association state to publish for a lamp on these terms; None withdraws what was published.

    The message of a lamp whose popup reopens is withdrawn until its code is due.
    """
    if lampi.user_id is not None:
        return Associated(own_name(lampi.name), reset=terms.resets.get(lampi.device_id))
    if lampi.code_due_at is not None:
        return None
    good_for = terms.good_for_offline if lampi.code_issued_offline else terms.good_for
    return Unassociated(
        lampi.association_code,
        terms.url,
        short_code_length=lampi.short_code_length,
        identify=shown_instant(lampi.identify_until),
        good_for=None if lampi.stock_screen else good_for,
    )


def payload_of(lampi: Lampi, terms: ClaimTerms) -> bytes:
    """Return `association_of` as a payload."""
    association = association_of(lampi, terms)
    return WITHDRAWN if association is None else association.encode()


def enqueue_state(lamps: Sequence[Lampi]) -> None:
    """Enqueue the lamps' current state; call it inside the write transaction of the change."""
    if not lamps:
        return
    for version, lampi in enumerate(lamps, outbox.reserve(len(lamps))):
        lampi.message_version = version
    bulk.update(Lampi, ["message_version"], [(lampi.device_id, lampi.message_version) for lampi in lamps])
    terms = announced_terms(lamps)
    outbox.put(
        [Pending(lampi.message_version, associated_topic(lampi.device_id), payload_of(lampi, terms)) for lampi in lamps]
    )


def register_lamps(device_ids: Sequence[str], now: datetime, stock: Collection[str] = ()) -> list[str]:
    """Create unassociated, connected lamps and enqueue their codes; return the device ids that are new.

    Those in ``stock`` get stock treatment.
    """
    created: list[str] = []
    with write_transaction():
        for is_stock in (False, True):
            if of_kind := [device_id for device_id in device_ids if (device_id in stock) == is_stock]:
                created += _register(of_kind, now, is_stock)
    return created


def _register(device_ids: Sequence[str], now: datetime, stock: bool) -> list[str]:
    """Create lamps of one kind.

    Usually all lamps are new and all codes are free, so they are inserted without a check. Only if the database rejects
    that, known lamps are left out and taken codes replaced.
    """
    length = SHORT_CODE_LENGTH if stock else length_for_new_codes(len(device_ids), 0, now)
    if len(device_ids) * live_code_count(announced(), now) < 16**length:
        try:
            with write_transaction():
                _insert_new(device_ids, fresh_codes(len(device_ids), length, lambda _: set()), now, stock)
            return list(device_ids)
        except IntegrityError:
            pass
    known = set(bulk.rows_among("SELECT device_id FROM lampi WHERE device_id {}", device_ids))
    new = [device_id for device_id in device_ids if (device_id,) not in known]
    longest = SHORT_CODE_LENGTH if stock else announced().longest
    _insert_new(new, fresh_codes(len(new), length, Lampi.short_codes_among, longest), now, stock)
    return new


def _insert_new(device_ids: Sequence[str], codes: Sequence[tuple[str, int]], now: datetime, stock: bool) -> None:
    versions = itertools.count(outbox.reserve(len(device_ids)))
    rows = [
        (device_id, code, code_length, version)
        for device_id, (code, code_length), version in zip(device_ids, codes, versions, strict=False)
    ]
    bulk.insert(
        Lampi,
        ("device_id", "association_code", "short_code_length", "message_version"),
        rows,
        alike={
            "connected": True,
            "created_at": now,
            "code_issued_at": now,
            "presence_since": now,
            "stock_screen": stock,
        },
    )
    forgotten = set(Tombstone.remove(device_ids))
    terms = announced_terms()
    messages = [
        Pending(version, associated_topic(device_id), terms.waiting(code, code_length, stock_screen=stock).encode())
        for device_id, code, code_length, version in rows
    ]
    if stock and (known := set(device_ids) if outbox.broker_is_suspect() else forgotten):
        # Their screens may still show the codes of before.
        bulk.change_among("UPDATE lampi SET code_due_at = ? WHERE device_id {}", list(known), stored(FAR_FUTURE))
        reopening = {associated_topic(device_id) for device_id in known}
        messages = [each._replace(payload=WITHDRAWN) if each.topic in reopening else each for each in messages]
    outbox.put(messages)


def issue_codes(lamps: Sequence[Lampi], now: datetime) -> None:
    """Generate and store new codes for lamps; call it inside a write transaction.

    Those of lamps with stock treatment are published when their popups have closed.
    """
    for stock in (False, True):
        if of_kind := [lampi for lampi in lamps if lampi.stock_screen == stock]:
            _issue(of_kind, now, stock)


def _issue(lamps: Sequence[Lampi], now: datetime, stock: bool) -> None:
    length = longest = SHORT_CODE_LENGTH
    if not stock:
        since = counted_from(announced(), now)
        replaced = sum(lampi.user_id is None and (since is None or lampi.code_issued_at >= since) for lampi in lamps)
        length, longest = length_for_new_codes(len(lamps), replaced, now), announced().longest
    codes = fresh_codes(len(lamps), length, Lampi.short_codes_among, longest)
    for lampi, (code, length) in zip(lamps, codes, strict=True):
        lampi.association_code, lampi.short_code_length, lampi.code_issued_at = code, length, now
        lampi.code_issued_offline = not lampi.connected
    bulk.update(
        Lampi,
        ["association_code", "short_code_length", "code_issued_offline"],
        [(each.device_id, each.association_code, each.short_code_length, each.code_issued_offline) for each in lamps],
        alike={"code_issued_at": now, "stock_screen": stock, "code_openings": 0},
    )
    set_due([lampi for lampi in lamps if stock or lampi.code_due_at is not None], FAR_FUTURE if stock else None)


def set_due(lamps: Sequence[Lampi], due_at: datetime | None) -> None:
    """Store when these lamps' codes are due."""
    for lampi in lamps:
        lampi.code_due_at = due_at
    device_ids = [lampi.device_id for lampi in lamps]
    value = None if due_at is None else stored(due_at)
    bulk.change_among("UPDATE lampi SET code_due_at = ? WHERE device_id {}", device_ids, value)


def claim(which: Expression, user: User, now: datetime, source: str) -> Lampi | None:
    """Associate the unassociated lamp that ``which`` selects, enqueue its message and return it.

    A single conditional UPDATE: of any number of competitors exactly one gets the lamp, the others None.
    """
    with write_transaction():
        change = Lampi.update(user=user, associated_at=now, identify_until=None, code_due_at=None)
        taking = change.where(which & Lampi.user.is_null())
        lamps: list[Lampi] = list(taking.returning(Lampi).execute())
        enqueue_state(lamps)
        for lampi in lamps:
            audit_log.write(AuditEvent.ASSOCIATED, now, source, device_id=lampi.device_id, user_name=user.name)
            webhook_queue.write(Kind.ASSOCIATED, lampi.device_id, lampi.name, user.name, now)
    return lamps[0] if lamps else None


def associate(device_id: str, user: User, now: datetime, source: str) -> Lampi:
    """Associate a lamp with a user without its code, and return it.

    Raises:
        UnknownLamp: no lamp has this device id.
        AlreadyAssociated: the lamp has an owner.
    """
    with write_transaction():  # a lamp that is registered in between has no owner
        taken = claim(Lampi.device_id == device_id, user, now, source)
        if taken is None:
            Lampi.named(device_id)
            raise AlreadyAssociated(f"The lamp {device_id} already has an owner.")
    return taken


def publish_code(device_id: str) -> None:
    """Enqueue an unassociated lamp's code for publishing, as it is in the database now.

    Raises:
        UnknownLamp: no lamp has this device id.
        AlreadyAssociated: the lamp has an owner; `cloud.services.claiming.release` removes it.
    """
    with write_transaction():
        current = Lampi.named(device_id)
        if current.user_id is not None:
            raise AlreadyAssociated(f"The lamp {device_id} has an owner; release it first.")
        enqueue_state([current])


def delete(device_ids: Sequence[str], now: datetime, source: str) -> int:
    """Delete lamps, record it in the audit log and withdraw their messages; return the number of deleted lamps.

    The message of a lamp that is not in the database is withdrawn all the same.
    """
    with write_transaction():
        known = list(bulk.rows_among("SELECT device_id, user_id FROM lampi WHERE device_id {}", device_ids))
        for lampi in _with_owners([device_id for device_id, user_id in known if user_id is not None]):
            webhook_queue.write(Kind.RELEASED, lampi.device_id, lampi.name, lampi.user.name, now)
        Tombstone.enqueue_withdrawal(device_ids, now)
        bulk.change_among("DELETE FROM lampi WHERE device_id {}", device_ids)
        state_requests.remove(device_ids)
        audit_log.write_each(AuditEvent.FORGOTTEN, now, source, device_ids)
    return len(known)


def delete_selected(which: Expression | None, now: datetime, source: str) -> int:
    """Delete the lamps that ``which`` selects, or all, as `delete` does; return their number."""
    with write_transaction():
        selected = Lampi.select(Lampi.device_id).order_by(Lampi.device_id)
        selected = selected if which is None else selected.where(which)
        return delete([device_id for (device_id,) in selected.tuples()], now, source)


def _with_owners(device_ids: Sequence[str]) -> Iterator[Lampi]:
    for chunk in chunked(device_ids, bulk.ROWS_A_STATEMENT):
        lamps = Lampi.select(Lampi, User).join(User).where(Lampi.device_id.in_(chunk))
        yield from lamps.order_by(Lampi.device_id)
