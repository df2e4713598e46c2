"""Importing a course site into the cloud's database, in one transaction.

No webhook event is sent: the receiver is told of what happens from here on, not that thousands of lamps are as before.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from peewee import chunked

from cloud.db import bulk
from cloud.db.database import run_sql, write_transaction
from cloud.db.name_skeletons import name_skeleton
from cloud.db.timestamps import stored
from cloud.errors import BadUserName
from cloud.ops.course.lamps import LampsHere, NewLamp, choose_lamps, short_code
from cloud.ops.course.report import Report
from cloud.ops.course.site import CourseLamp, CourseSite
from cloud.ops.course.users import NewUser, UserHere, choose_users, names_of
from cloud.services.lamps import enqueue_state
from cloud.store.audit_log import AuditEvent, History
from cloud.store.codes import fresh_codes
from cloud.store.lamps import Lampi, User
from cloud.store.sources import COURSE_IMPORT
from cloud.store.tombstones import Tombstone
from cloud.store.users import name_key
from shared.protocol.codes import SHORT_CODE_LENGTH, is_association_code
from shared.protocol.device_id import is_device_id

_AS_STOCK = {"short_code_length": SHORT_CODE_LENGTH, "stock_screen": True}
"""Columns of every imported lamp: its screen is a stock one, which shows so many characters."""


def import_site(site: CourseSite, now: datetime, source: str, *, dry_run: bool) -> Report:
    """Add the users and lamps of a course site that are not here yet; nothing that is here changes.

    ``source`` is for the audit log, and begins with `COURSE_IMPORT`: the next import recognizes its users by it.
    """
    report, names = Report(), names_of(site.users)
    with write_transaction():
        users = choose_users(site.users, names, _users_here(names.values()), report)
        lamps = choose_lamps(site.lamps, users, _lamps_here(site.lamps), now, report)
        if not dry_run:
            _add_users(users.new, now, source)
            _add_lamps(lamps, now, source)
    return report


def _users_here(names: Iterable[str | BadUserName]) -> dict[str, list[UserHere]]:
    """Return this database's users whose names are the same as some of these, by `name_key`."""
    # A user may have been deleted and the name given to another person: the last who was added counts.
    added = run_sql("SELECT user_name, source FROM history WHERE event = ? ORDER BY id", AuditEvent.USER_ADDED.value)
    imported = {name for name, source in dict(added).items() if source.startswith(f"{COURSE_IMPORT} ")}
    here: dict[str, list[UserHere]] = defaultdict(list)
    keys = {name_key(name) for name in names if isinstance(name, str)}
    for name, key in bulk.rows_among("SELECT name, name_key FROM lampi_user WHERE name_key {}", keys):
        here[key].append(UserHere(name, name in imported))
    return here


def _lamps_here(lamps: Iterable[CourseLamp]) -> LampsHere:
    """Return what this database has of these lamps' ids and short codes."""
    ids = {device_id for lamp in lamps if is_device_id(device_id := lamp.device_id.lower())}
    shorts = {short_code(code) for lamp in lamps if is_association_code(code := lamp.code.lower())}
    query = "SELECT device_id, name FROM (SELECT lampi.device_id, lampi_user.name FROM lampi LEFT JOIN lampi_user"
    owners = dict(bulk.rows_among(f"{query} ON lampi_user.id = lampi.user_id) AS lamps WHERE device_id {{}}", ids))
    return LampsHere(owners, Lampi.short_codes_among(list(shorts)))


def _add_users(users: Sequence[NewUser], now: datetime, source: str) -> None:
    keys = [(user.name, name_key(user.name), name_skeleton(user.name), user.password_hash) for user in users]
    bulk.insert(
        User, ("name", "name_key", "name_skeleton", "password_hash"), [row for row in keys if row[3] is not None]
    )
    bulk.insert(User, ("name", "name_key", "name_skeleton"), [row[:3] for row in keys if row[3] is None])
    _record(AuditEvent.USER_ADDED, ("user_name",), [(user.name,) for user in users], now, source)


def _add_lamps(lamps: Sequence[NewLamp], now: datetime, source: str) -> None:
    owners = [lamp.owner for lamp in lamps if lamp.owner is not None]
    ids = dict(bulk.rows_among("SELECT name, id FROM lampi_user WHERE name {}", set(owners)))
    given = iter(_new_codes(lamps))
    owned, waiting = [], []
    for lamp in lamps:
        created_at = str(stored(lamp.created_at))
        row = (lamp.device_id, lamp.name, lamp.code or next(given), created_at)
        if lamp.owner is None:
            waiting.append(row)
        else:
            owned.append((*row, ids[lamp.owner], created_at))
    columns = ("device_id", "name", "association_code", "created_at")
    alike = {"code_issued_at": now, **_AS_STOCK}
    bulk.insert(Lampi, columns, waiting, alike=alike)
    bulk.insert(Lampi, (*columns, "user", "associated_at"), owned, alike=alike)
    _record(
        AuditEvent.ASSOCIATED,
        ("device_id", "user_name"),
        [(lamp.device_id, lamp.owner) for lamp in lamps if lamp.owner is not None],
        now,
        source,
    )
    for chunk in chunked([lamp.device_id for lamp in lamps], bulk.ROWS_A_STATEMENT):
        Tombstone.remove(chunk)
        enqueue_state(list(Lampi.select().where(Lampi.device_id.in_(chunk))))


def _new_codes(lamps: Sequence[NewLamp]) -> list[str]:
    """Return a code for each lamp that needs one; its short code is no other waiting lamp's."""
    kept = {short_code(lamp.code) for lamp in lamps if lamp.code is not None and lamp.owner is None}
    without = sum(lamp.code is None for lamp in lamps)
    codes = fresh_codes(
        without,
        SHORT_CODE_LENGTH,
        lambda shorts: Lampi.short_codes_among(shorts) | kept.intersection(shorts),
        SHORT_CODE_LENGTH,
    )
    return [code for code, _length in codes]


def _record(
    event: AuditEvent, columns: Sequence[str], rows: Sequence[Sequence[object]], now: datetime, source: str
) -> None:
    bulk.insert(History, columns, rows, alike={"at": now, "event": event.value, "source": source})
