"""Registering lamps, issuing their codes, claiming, publishing and deleting them.

Each function that changes a lamp enqueues its message in the same transaction.
"""

import itertools
from collections.abc import Sequence
from datetime import datetime

from peewee import Expression, IntegrityError, chunked

from cloud.db import bulk
from cloud.db.database import write_transaction
from cloud.db.timestamps import shown_instant
from cloud.errors import AlreadyAssociated
from cloud.rate_limit.current_budget import length_for_new_codes
from cloud.rate_limit.live_codes import counted_from, live_code_count
from cloud.rate_limit.policy import announced
from cloud.services.claim_terms import ClaimTerms, announced_terms
from cloud.store import audit_log, outbox, webhook_queue
from cloud.store.audit_log import AuditEvent
from cloud.store.codes import fresh_codes
from cloud.store.lamps import DEFAULT_NAME, Lampi, User
from cloud.store.outbox import Pending
from cloud.store.tombstones import Tombstone, associated_topic
from cloud.store.webhook_queue import Kind
from shared.protocol.payloads import LONGEST_LAMP_NAME, Associated, Association, Unassociated


def own_name(name: str) -> str | None:
    """Return the name that a lamp's screen shows: None for the default or a blank name."""
    return None if name == DEFAULT_NAME or not name.strip() else name.strip()[:LONGEST_LAMP_NAME]


def association_of(lampi: Lampi, terms: ClaimTerms) -> Association:
    """Return the association state to publish for a lamp on these terms."""
    if lampi.user_id is not None:
        return Associated(own_name(lampi.name))
    return Unassociated(
        lampi.association_code,
        terms.url,
        short_code_length=lampi.short_code_length,
        identify=shown_instant(lampi.identify_until),
        good_for=terms.good_for_offline if lampi.code_issued_offline else terms.good_for,
    )


def enqueue_state(lamps: Sequence[Lampi]) -> None:
    """Enqueue the lamps' current state; call it inside the write transaction of the change."""
    if not lamps:
        return
    for version, lampi in enumerate(lamps, outbox.reserve(len(lamps))):
        lampi.message_version = version
    bulk.update(Lampi, "message_version", [(lampi.device_id, lampi.message_version) for lampi in lamps])
    terms = announced_terms()
    outbox.put(
        [
            Pending(lampi.message_version, associated_topic(lampi.device_id), association_of(lampi, terms).encode())
            for lampi in lamps
        ]
    )


def register_lamps(device_ids: Sequence[str], now: datetime) -> list[str]:
    """Create unassociated, connected lamps and enqueue their codes; return the device ids that are new.

    Usually all lamps are new and all codes are free, so they are inserted without a check. Only if the database rejects
    that, known lamps are left out and taken codes replaced.
    """
    with write_transaction():
        length = length_for_new_codes(len(device_ids), 0, now)
        if len(device_ids) * live_code_count(announced(), now) < 16**length:
            try:
                with write_transaction():
                    _insert_new(device_ids, fresh_codes(len(device_ids), length, lambda _: set()), now)
                return list(device_ids)
            except IntegrityError:
                pass
        known = set(bulk.rows_among("SELECT device_id FROM lampi WHERE device_id {}", device_ids))
        new = [device_id for device_id in device_ids if (device_id,) not in known]
        _insert_new(new, fresh_codes(len(new), length, Lampi.short_codes_among, announced().longest), now)
    return new


def _insert_new(device_ids: Sequence[str], codes: Sequence[tuple[str, int]], now: datetime) -> None:
    versions = itertools.count(outbox.reserve(len(device_ids)))
    rows = [
        (device_id, code, code_length, version)
        for device_id, (code, code_length), version in zip(device_ids, codes, versions, strict=False)
    ]
    bulk.insert(
        Lampi,
        ("device_id", "association_code", "short_code_length", "message_version"),
        rows,
        alike={"connected": True, "created_at": now, "code_issued_at": now, "presence_since": now},
    )
    Tombstone.remove(device_ids)
    terms = announced_terms()
    outbox.put(
        [
            Pending(version, associated_topic(device_id), terms.waiting(code, code_length).encode())
            for device_id, code, code_length, version in rows
        ]
    )


def issue_codes(lamps: Sequence[Lampi], now: datetime) -> None:
    """Generate and store new codes for lamps; call it inside a write transaction."""
    since = counted_from(announced(), now)
    replaced = sum(lampi.user_id is None and (since is None or lampi.code_issued_at >= since) for lampi in lamps)
    length = length_for_new_codes(len(lamps), replaced, now)
    codes = fresh_codes(len(lamps), length, Lampi.short_codes_among, announced().longest)
    for lampi, (code, length) in zip(lamps, codes, strict=True):
        lampi.association_code, lampi.short_code_length, lampi.code_issued_at = code, length, now
        lampi.code_issued_offline = not lampi.connected
    changed = [Lampi.association_code, Lampi.short_code_length, Lampi.code_issued_at, Lampi.code_issued_offline]
    for chunk in chunked(lamps, bulk.ROWS_A_STATEMENT):
        Lampi.bulk_update(chunk, changed)


def claim(which: Expression, user: User, now: datetime, source: str) -> Lampi | None:
    """Associate the unassociated lamp that ``which`` selects, enqueue its message and return it.

    A single conditional UPDATE: of any number of competitors exactly one gets the lamp, the others None.
    """
    with write_transaction():
        taking = Lampi.update(user=user, associated_at=now, identify_until=None).where(which & Lampi.user.is_null())
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


def delete(device_id: str, now: datetime, source: str) -> int:
    """Delete a lamp, record it in the audit log and clear its retained message; return the number of deleted rows."""
    with write_transaction():
        current = Lampi.get_or_none(Lampi.device_id == device_id)
        if current is not None and current.user_id is not None:
            webhook_queue.write(Kind.RELEASED, device_id, current.name, current.user.name, now)
        Tombstone.enqueue_clearing([device_id], now)
        deleted: int = Lampi.delete().where(Lampi.device_id == device_id).execute()
        audit_log.write(AuditEvent.FORGOTTEN, now, source, device_id=device_id)
    return deleted
