"""Copying a database into another, for migration from SQLite to PostgreSQL or back."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import peewee
from peewee import chunked

from cloud.auth.api_tokens import ApiToken
from cloud.auth.passkeys import Passkey
from cloud.auth.recovery_codes import RecoveryCode
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import Table, one_line, write_transaction
from cloud.db.schema import require_current, upgrade
from cloud.errors import UnusableDatabase
from cloud.rate_limit.guess_counts import GuessCount
from cloud.rate_limit.policy import AnnouncedPolicy
from cloud.store.audit_log import History
from cloud.store.claim_url import ClaimUrl
from cloud.store.lamps import Lampi, User
from cloud.store.lease import Lease, is_good
from cloud.store.offers import Offer
from cloud.store.open_sign_up import SignUp
from cloud.store.outbox import OutboxMessage, OutboxSequence
from cloud.store.reset_requests import ResetRequest
from cloud.store.tombstones import Tombstone
from cloud.store.webhook_queue import WebhookEvent, WebhookReceiver

TABLES: tuple[type[Table], ...] = (
    User,
    Lampi,
    Offer,
    Tombstone,
    ResetRequest,
    OutboxMessage,
    OutboxSequence,
    AnnouncedPolicy,
    ClaimUrl,
    SignUp,
    GuessCount,
    History,
    ApiToken,
    RecoveryCode,
    Passkey,
    WebhookEvent,
    WebhookReceiver,
)
"""Tables to copy, in order of their references. Not copied: the lease and the broker's faults, which belong to running
daemons; counts of live codes, which triggers maintain; web sessions; what owners look at and ask of their lamps, which
is over within seconds."""


def copy_database(
    source: peewee.Database, target: peewee.Database, progress: Callable[[int], object]
) -> dict[str, int]:
    """Copy all rows into an empty database and verify them; return the number of rows for each table.

    The source is locked for writing meanwhile, so that no acknowledged change is missing from the copy.

    Raises:
        UnusableDatabase: the target is not empty, the copy differs from the original, or either database fails. The
            target is unchanged.
    """
    upgrade(target)
    try:
        with write_transaction(source), target.atomic():
            _disable_idle_timeout(source, target)
            if any(True for table in (User, Lampi, Tombstone, History) for _ in _rows(target, table)):
                raise UnusableDatabase("The target database is not empty; create a new one and give its URL.")
            counts = {table._meta.table_name: _copy(table, source, target, progress) for table in TABLES}
            for table in TABLES:
                if _digest(source, table) != _digest(target, table):
                    raise UnusableDatabase(f"The copy of {table._meta.table_name} differs from the original.")
            _continue_numbering(target)
            _set_new_origin(target)
    except peewee.PeeweeException as fault:
        raise UnusableDatabase(f"Copying failed, nothing was copied: {one_line(fault)}") from None
    return counts


def rows_to_copy(source: peewee.Database, now: datetime) -> int:
    """Return the number of rows to copy.

    Raises:
        UnusableDatabase: the source has not been migrated to this release, or a daemon is using it.
    """
    require_current(source)
    with source.bind_ctx((*TABLES, Lease)):
        if any(is_good(lease, now) for lease in Lease.select()):
            raise UnusableDatabase("A daemon is using the source database; stop it first.")
        return sum(table.select().count() for table in TABLES)


def _rows(database: peewee.Database, table: type[Table]) -> Iterator[dict[str, Any]]:
    """Yield a table's rows in key order, one page at a time."""
    key = table._meta.primary_key
    last = None
    while True:
        with database.bind_ctx(TABLES):
            query = table.select() if last is None else table.select().where(key > last)
            page = list(query.order_by(key).limit(ROWS_A_STATEMENT).dicts())
        if not page:
            return
        yield from page
        last = page[-1][key.name]


def _copy(
    table: type[Table], source: peewee.Database, target: peewee.Database, progress: Callable[[int], object]
) -> int:
    count = 0
    with target.bind_ctx(TABLES):
        if table is OutboxSequence:
            table.delete().execute()  # the row that the migrations inserted
    for chunk in chunked(_rows(source, table), ROWS_A_STATEMENT):
        with target.bind_ctx(TABLES):
            table.insert_many(chunk).execute()
        count += len(chunk)
        progress(len(chunk))
    return count


def _digest(database: peewee.Database, table: type[Table]) -> str:
    digest = hashlib.sha256()
    for row in _rows(database, table):
        digest.update(repr(sorted(row.items())).encode())
    return digest.hexdigest()


def _disable_idle_timeout(*databases: peewee.Database) -> None:
    """Disable the idle timeout: each transaction is idle while the other side works."""
    for database in databases:
        if isinstance(database, peewee.PostgresqlDatabase):
            database.execute_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def _set_new_origin(database: peewee.Database) -> None:
    """Give the copy an origin of its own: from here on its versions diverge from the original's."""
    with database.bind_ctx(TABLES):
        OutboxSequence.update(origin=uuid.uuid4().hex).execute()


def _continue_numbering(database: peewee.Database) -> None:
    """Advance PostgreSQL's sequences past the copied ids."""
    if isinstance(database, peewee.PostgresqlDatabase):
        for table in TABLES:
            if not isinstance(table._meta.primary_key, peewee.AutoField | peewee.BigAutoField):
                continue
            name = table._meta.table_name
            database.execute_sql(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT COALESCE(MAX(id), 1) FROM {name}))"  # noqa: S608
            )
