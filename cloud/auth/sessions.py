"""Browser sessions: one row for each signed-in browser. Only the hash of its token is stored."""

import hashlib
import secrets
from datetime import datetime, timedelta

from peewee import CharField, Desc, ForeignKeyField

from cloud.db.database import Table, write_transaction
from cloud.db.timestamps import TimestampField, credible
from cloud.errors import WrongPassword
from cloud.store.lamps import User

IDLE_FOR = timedelta(days=7)
"""Idle time after which a session expires."""

LASTS_FOR = timedelta(days=30)
"""Maximum lifetime of a session."""

NOTED_EVERY = timedelta(minutes=5)
"""Resolution of `seen_at`, to avoid a write on every request."""


class BrowserSession(Table):
    """A session: one signed-in browser of a user."""

    token_hash = CharField(max_length=64, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")
    started_at: datetime = TimestampField(index=True)
    seen_at: datetime = TimestampField(index=True)

    class Meta:
        table_name = "sign_in"


MOST_OF_A_USER = 20
"""Sessions of one user. A further one ends the one that was idle for longest."""


def begin(user: User, now: datetime) -> str:
    """Start a session and return its token. Expired sessions are deleted.

    ``user`` is as it was when the password was verified: its hash must still be the stored one. Otherwise a sign-in
    with the old password could end up with a session after the password was changed, and with it all sessions ended.

    Raises:
        WrongPassword: the password was changed meanwhile.
    """
    token = secrets.token_urlsafe(32)
    with write_transaction():
        if not User.select().where((User.id == user.id) & (User.password_hash == user.password_hash)).exists():
            raise WrongPassword
        BrowserSession.delete().where(
            (BrowserSession.seen_at <= now - IDLE_FOR) | (BrowserSession.started_at <= now - LASTS_FOR)
        ).execute()
        own = BrowserSession.select(BrowserSession.token_hash).where(BrowserSession.user == user)
        surplus = own.order_by(Desc(BrowserSession.seen_at)).offset(MOST_OF_A_USER - 1)
        ended = [token_hash for (token_hash,) in surplus.limit(MOST_OF_A_USER).tuples()]
        BrowserSession.delete().where(BrowserSession.token_hash.in_(ended)).execute()
        BrowserSession.create(token_hash=_hash(token), user=user, started_at=now, seen_at=now)
    return token


def user_of(token: str, now: datetime) -> User | None:
    """Return the user of a session token, or None if it is unknown or expired."""
    found: BrowserSession | None = (
        BrowserSession.select(BrowserSession, User)
        .join(User)
        .where(BrowserSession.token_hash == _hash(token))
        .get_or_none()
    )
    if found is None or found.started_at <= now - LASTS_FOR or not now - IDLE_FOR < found.seen_at <= credible(now):
        return None
    if found.seen_at <= now - NOTED_EVERY:
        with write_transaction():
            BrowserSession.update(seen_at=now).where(BrowserSession.token_hash == found.token_hash).execute()
    user: User = found.user
    return user


def end(token: str) -> None:
    """End the session with this token."""
    with write_transaction():
        BrowserSession.delete().where(BrowserSession.token_hash == _hash(token)).execute()


def end_all(user: User) -> None:
    """End all sessions of a user."""
    with write_transaction():
        BrowserSession.delete().where(BrowserSession.user == user).execute()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
