"""Stock treatment: for lamps that may have the LAMPI course's screen.

A stock screen shows six characters, knows no lifetime, and ignores a new code while it shows one: ten times a second it
looks whether ``associated`` has changed. So such a lamp's short code has six characters, never expires and is not
rotated. Where it changes all the same, the popup is reopened: first the lamp's message is withdrawn, which closes the
popup, and `REOPEN_AFTER` the broker has accepted that, the code is published. The code is valid from the moment it is
issued, so a screen never shows one that does not work yet; ``code_due_at`` is in the database, so a crash at any moment
only delays the code.

After a connection was lost or stalled, a bridge delivers in one go what waited for it, and then a screen misses that
its popup was to close. So the code is in doubt (``code_opened_at``), and the popup reopens whenever a bridge connects.
A stall is not noticed. So once the lamp was seen connected for longer than a broker takes to notice that a bridge is
gone, without another connection, the popup reopens a second time; after another such time, the doubt ends.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from peewee import chunked

from cloud.db import bulk
from cloud.db.database import run_sql, write_transaction
from cloud.db.timestamps import FAR_FUTURE, latest, stored
from cloud.services.lamps import enqueue_state, issue_codes, set_due
from cloud.store.lamps import Lampi
from shared.protocol.codes import SHORT_CODE_LENGTH

REOPEN_AFTER = timedelta(seconds=1)
"""Ten times the interval in which a stock screen looks."""

OPENINGS = 2
"""How often a popup reopens at least: a connection that stalls both times is taken for no connection."""

IN_DOUBT_FOR = timedelta(minutes=2)
"""Mosquitto notices that a bridge is gone after 1.5 times the keepalive, 60 seconds by default."""

PAGE = 10 * bulk.ROWS_A_STATEMENT
"""Lamps that are read at once to find those whose treatment changes."""


def treat(device_ids: Iterable[str], stock: bool, now: datetime) -> None:
    """Give lamps stock treatment, or end it, and repair those that wait; call it inside a write transaction."""
    for chunk in chunked(device_ids, bulk.ROWS_A_STATEMENT):
        lamps = list(Lampi.select().where(Lampi.device_id.in_(chunk) & (Lampi.stock_screen != stock)))
        for lampi in lamps:
            lampi.stock_screen = stock
        owned = [lampi.device_id for lampi in lamps if lampi.user_id is not None]
        bulk.change_among("UPDATE lampi SET stock_screen = ? WHERE device_id {}", owned, stock)
        waiting = [lampi for lampi in lamps if lampi.user_id is None]
        issue_codes(_shorten(waiting) if stock else waiting, now)
        enqueue_state(waiting)


def _shorten(lamps: Sequence[Lampi]) -> list[Lampi]:
    """Keep codes whose first six characters are unique among waiting lamps; return the lamps that need new ones."""
    longer = [lampi for lampi in lamps if lampi.short_code_length > SHORT_CODE_LENGTH]
    taken = Lampi.short_codes_among([_short(lampi) for lampi in longer])
    others = []
    for lampi in longer:
        if _short(lampi) in taken:
            others.append(lampi)
        else:
            taken.add(_short(lampi))
            lampi.short_code_length = SHORT_CODE_LENGTH
    _reopen([lampi for lampi in lamps if lampi.short_code_length == SHORT_CODE_LENGTH])
    return others


def _short(lampi: Lampi) -> str:
    return str(lampi.association_code)[:SHORT_CODE_LENGTH]


def _reopen(lamps: Sequence[Lampi]) -> None:
    """Have these lamps' codes published once their popups are closed; `enqueue_state` closes them."""
    shown = "UPDATE lampi SET stock_screen = ?, short_code_length = ? WHERE device_id {}"
    bulk.change_among(shown, [lampi.device_id for lampi in lamps], True, SHORT_CODE_LENGTH)
    set_due(lamps, FAR_FUTURE)


def reopen(device_ids: Iterable[str]) -> None:
    """Reopen the popups of waiting lamps with stock treatment; call it inside a write transaction."""
    for chunk in chunked(device_ids, bulk.ROWS_A_STATEMENT):
        which = Lampi.device_id.in_(chunk) & Lampi.user.is_null() & Lampi.stock_screen
        lamps = list(Lampi.select().where(which))
        _reopen(lamps)
        enqueue_state(lamps)


def in_doubt(device_ids: Iterable[str]) -> list[str]:
    """Return those of these lamps whose codes are in doubt and published."""
    doubtful = (
        "SELECT device_id FROM lampi WHERE user_id IS NULL AND stock_screen"
        " AND code_due_at IS NULL AND code_opened_at IS NOT NULL AND device_id {}"
    )
    return [device_id for (device_id,) in bulk.rows_among(doubtful, device_ids)]


def settle_doubt(since: datetime, now: datetime, leads: Callable[[], bool] = lambda: True) -> int:
    """Reopen up to one batch of popups a second time, or end the doubt about their codes.

    Only of lamps that are connected, and whose popups reopened long enough ago, but after ``since``, from when on
    presence was followed without a gap. ``leads`` as in `cloud.daemon.presence.PresenceBatch.register`.

    Return how many.
    """
    long_ago = (True, stored(since), stored(now - IN_DOUBT_FOR))
    which = "connected = ? AND code_opened_at BETWEEN ? AND ?"
    due = run_sql(f"SELECT device_id FROM lampi WHERE {which} LIMIT ?", *long_ago, bulk.ROWS_A_STATEMENT)  # noqa: S608
    if due:
        with write_transaction():
            if not leads():
                return 0
            device_ids = [device_id for (device_id,) in due]
            of_these = f"SELECT device_id, code_openings FROM lampi WHERE {which} AND device_id {{}}"  # noqa: S608
            openings = dict(bulk.rows_among(of_these, device_ids, *long_ago))
            reopen([device_id for device_id in in_doubt(openings) if openings[device_id] < OPENINGS])
            bulk.change_among("UPDATE lampi SET code_opened_at = NULL WHERE device_id {}", list(openings))
    return len(due)


def convert_next(after: str, stock: bool, now: datetime) -> str | None:
    """Give, or end, stock treatment of up to one batch of lamps with device ids above ``after``.

    Return where to continue, or None after the last lamp.
    """
    page = run_sql(
        "SELECT device_id, stock_screen FROM lampi WHERE device_id > ? ORDER BY device_id LIMIT ?", after, PAGE
    )
    different = [device_id for device_id, is_stock in page if bool(is_stock) != stock][: bulk.ROWS_A_STATEMENT]
    if different:
        with write_transaction():
            treat(different, stock, now)
    if len(different) == bulk.ROWS_A_STATEMENT:
        return str(different[-1])
    return str(page[-1][0]) if page else None


def are_many_reopening() -> bool:
    """Return whether at least one batch of popups is being reopened."""
    reopening = "SELECT COUNT(*) FROM (SELECT 1 FROM lampi WHERE code_due_at IS NOT NULL LIMIT ?) AS reopening"
    return bool(run_sql(reopening, bulk.ROWS_A_STATEMENT)[0][0] == bulk.ROWS_A_STATEMENT)


def note_closed(after: str, now: datetime) -> str:
    """Set when codes are due whose withdrawals the broker has accepted; return the device id to continue after.

    One page at a time and round again, so that a broker that accepts nothing doesn't cost more than a page.
    """
    far = stored(FAR_FUTURE)
    closing = run_sql(
        "SELECT device_id, message_version FROM lampi WHERE code_due_at = ? AND device_id > ?"
        " ORDER BY device_id LIMIT ?",
        *(far, after, bulk.ROWS_A_STATEMENT),
    )
    versions = "SELECT version FROM outbox_message WHERE version {}"
    pending = {version for (version,) in bulk.rows_among(versions, [version for _, version in closing])}
    closed = [device_id for device_id, version in closing if version not in pending]
    if closed:
        with write_transaction():
            bulk.change_among(
                "UPDATE lampi SET code_due_at = ? WHERE code_due_at = ? AND NOT EXISTS"
                " (SELECT 1 FROM outbox_message WHERE version = message_version) AND device_id {}",
                *(closed, stored(now + REOPEN_AFTER), far),
            )
    return str(closing[-1][0]) if len(closing) == bulk.ROWS_A_STATEMENT else ""


def publish_due(now: datetime) -> int:
    """Enqueue up to one batch of codes that are due; return how many."""
    too_far = latest(now + REOPEN_AFTER)  # written by a wrong clock
    times = (stored(now), stored(too_far), stored(FAR_FUTURE))
    due = "code_due_at <= ? OR code_due_at > ? AND code_due_at < ?"
    if not run_sql(f"SELECT 1 FROM lampi WHERE {due} LIMIT 1", *times):  # noqa: S608 - a condition of ours
        return 0
    is_due = (Lampi.code_due_at <= now) | (Lampi.code_due_at > too_far) & (Lampi.code_due_at < FAR_FUTURE)
    with write_transaction():
        lamps = list(Lampi.select().where(is_due).limit(bulk.ROWS_A_STATEMENT))
        set_due(lamps, None)
        opened = "UPDATE lampi SET code_opened_at = ?, code_openings = code_openings + 1 WHERE device_id {}"
        bulk.change_among(opened, [lampi.device_id for lampi in lamps], stored(now))
        enqueue_state(lamps)
    return len(lamps)
